"""What commits ask for: by a sensor that looks seldom and by a webhook for every push."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.bundles.changes import canonical_request, find_requests
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.bundles.histories import Author, Step, steps
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.wire.errors import InvalidInput, NotFound

A, B, C = "bundles/weekly/a-v1.0.0.yaml", "bundles/weekly/b-v1.0.0.yaml", "bundles/x/c.yaml"


@pytest.fixture
def repo() -> FakeSpecRepo:
    return FakeSpecRepo()


def paths(requests: tuple[BundleRequest, ...]) -> list[str]:
    return [request.path for request in requests]


def test_the_first_look_asks_for_everything(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1", B: "1", "bundles/README.md": "x", "channels/c/spec-1.yaml": "x"})
    found = find_requests(repo, None)
    assert found.requests == (BundleRequest(A, first), BundleRequest(B, first))
    assert (found.head, found.deleted, found.rescanned) == (first, (), False)


def test_a_look_at_nothing_new_asks_for_nothing(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    assert find_requests(repo, first).requests == ()
    head = repo.commit({"README.md": "x"})
    found = find_requests(repo, first)
    assert (found.head, found.requests) == (head, ())


@pytest.mark.requirement("S0-4")
def test_all_files_of_all_commits_since_are_asked_for_once(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    second = repo.commit({A: "2", B: "1"})
    third = repo.commit({A: "3", C: "c"})
    found = find_requests(repo, first)
    assert found.requests == (
        BundleRequest(A, third), BundleRequest(B, second), BundleRequest(C, third),
    )  # fmt: skip


def test_what_was_deleted_is_told_and_not_asked_for(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1", B: "2", "bundles/README.md": "x"})
    repo.commit({A: None, "bundles/README.md": None})
    found = find_requests(repo, first)
    assert (found.requests, found.deleted) == ((), (A,))


def test_a_rename_asks_for_the_new_name(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    second = repo.commit({A: None, C: "1"})
    found = find_requests(repo, first)
    assert (found.requests, found.deleted) == ((BundleRequest(C, second),), (A,))
    third = repo.commit({C: None, "docs/c.yaml": "1"})
    found = find_requests(repo, second)
    assert (found.requests, found.deleted) == ((), (C,))
    fourth = repo.commit({"docs/c.yaml": None, B: "1"})
    found = find_requests(repo, third)
    assert (found.requests, found.deleted) == ((BundleRequest(B, fourth),), ())


def test_a_file_that_was_changed_and_changed_back_is_asked_for(repo: FakeSpecRepo) -> None:
    """A webhook may have had the state between indexed."""
    first = repo.commit({A: "1"})
    between = repo.commit({A: "2"})
    assert canonical_request(repo, A, between) == BundleRequest(A, between)
    head = repo.commit({A: "1"})
    assert find_requests(repo, first).requests == (BundleRequest(A, head),)


def test_a_merge_asks_for_what_it_brought(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    side = repo.commit({B: "1"}, parents=[first])
    own = repo.commit({A: "2"})
    merge = repo.merge(side)
    assert find_requests(repo, own).requests == (BundleRequest(B, merge),)
    assert canonical_request(repo, B, merge) == BundleRequest(B, merge)


def test_a_merge_the_other_way_round_asks_for_nothing_again(repo: FakeSpecRepo) -> None:
    """The main branch merged into somebody's own, and that then pushed as the main one."""
    first = repo.commit({A: "1"})
    side = repo.commit({B: "1"}, parents=[first])
    seen = repo.commit({A: "2"})
    repo.reset(side)
    repo.merge(seen)
    assert find_requests(repo, seen).requests == (BundleRequest(B, side),)


def test_a_rewritten_history_leads_to_a_full_look(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    seen = repo.commit({B: "1", C: "c"})
    repo.reset(first)
    head = repo.commit({B: "2"})
    found = find_requests(repo, seen)
    assert found.requests == (BundleRequest(A, first), BundleRequest(B, head))
    assert (found.deleted, found.rescanned) == ((C,), True)


@pytest.mark.parametrize("cursor", ["0" * 40, "no commit", ""])
def test_a_cursor_that_is_gone_or_garbage_leads_to_a_full_look(
    repo: FakeSpecRepo, cursor: str
) -> None:
    first = repo.commit({A: "1"})
    found = find_requests(repo, cursor)
    assert found.requests == (BundleRequest(A, first),)
    assert found.rescanned
    assert found.deleted == ()


@pytest.mark.requirement("S0-10")
def test_a_webhook_names_the_commit_that_a_sensor_names(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    pushed = repo.commit({"README.md": "x"})
    later = repo.commit({"README.md": "y"})
    named = {canonical_request(repo, A, at) for at in (first, pushed, later)}
    assert named == set(find_requests(repo, None).requests)


def test_a_webhook_for_what_is_not_there_is_refused(repo: FakeSpecRepo) -> None:
    first = repo.commit({A: "1"})
    second = repo.commit({A: None, "bundles/README.md": "x"})
    for path, commit in ((A, second), (B, first), ("bundles/sub/a.yaml", first)):
        with pytest.raises(NotFound):
            canonical_request(repo, path, commit)
    with pytest.raises(NotFound):
        canonical_request(repo, A, "0" * 40)
    for path in ("bundles/README.md", "bundles/../a.yaml", "bundles/\0.yaml", "bundles"):
        with pytest.raises(InvalidInput):
            canonical_request(repo, path, first)
    with pytest.raises(InvalidInput):
        canonical_request(repo, A, "main; rm -rf /")


@pytest.mark.requirement("S0-1", "S0-4")
@settings(max_examples=300, deadline=None)
@given(steps(), st.data())
def test_nothing_is_missed_and_nothing_is_asked_for_twice(
    history: list[Step], data: st.DataObject
) -> None:
    """Whatever people push: a sensor that looks now and then and webhooks that come late, double
    or never make at most one run for each state of a file, and always one for the head's."""
    repo = FakeSpecRepo()
    author = Author(repo)
    cursor: str | None = None
    asked: dict[str, BundleRequest] = {}
    for step in history:
        pushed = author.do(step)
        for path in sorted(pushed.paths):
            for _ in range(data.draw(st.integers(0, 2), label=f"webhooks for {path}")):
                request = canonical_request(repo, path, pushed.head)
                asked[request.run_key] = request
        if data.draw(st.booleans(), label="the sensor looks"):
            cursor = look(repo, cursor, asked)
    cursor = look(repo, cursor, asked)
    for path in repo.paths("bundles", cursor):
        wanted = canonical_request(repo, path, cursor)
        assert asked[wanted.run_key] == wanted
    for request in asked.values():
        # Read at its commit, a request is the state it was made for, and no other names that state.
        assert canonical_request(repo, request.path, request.commit) == request


def look(repo: FakeSpecRepo, cursor: str | None, asked: dict[str, BundleRequest]) -> str:
    found = find_requests(repo, cursor)
    for request in found.requests:
        assert repo.read(request.path, request.commit) == repo.read(request.path, found.head)
        asked[request.run_key] = request
    assert not set(found.deleted) & set(repo.paths("bundles", found.head))
    return found.head
