"""Both repositories behind a forge: over smart HTTP, with credentials, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform.adapters.indexrepo.git import GitIndexRepo
from dataplatform.adapters.specrepo.git import GitSpecRepo
from dataplatform.bundles.changes import find_requests
from dataplatform_tests.adapters.git.conformance import A, B
from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.servers.git_http import USER, GitForge, git_forge
from opendata.wire.errors import Denied, NotFound, OpenDataError

pytestmark = pytest.mark.real

SECRETS = (USER, "t0p", "secret")


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitForge]:
    monkeypatch.setenv("HOME", str(tmp_path))  # no credential helper of this machine answers
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    with git_forge(tmp_path / "forge") as forge:
        yield forge


@pytest.fixture
def hand(forge: GitForge) -> GitHand:
    forge.folder.mkdir()
    return GitHand(forge.folder / "DataSpecHub.git")


def shown(error: OpenDataError) -> str:
    return f"{error.to_json()} {error!r} {error.__cause__!r}"


def test_specs_are_read_and_indexes_are_pushed(
    forge: GitForge, hand: GitHand, tmp_path: Path
) -> None:
    first = hand.commit({A: "1"})
    address = forge.address("DataSpecHub.git")
    repo = GitSpecRepo(address, str(tmp_path / "mirrors"))
    assert find_requests(repo, None).head == first
    hand.commit({B: "1"})
    hand.commit({A: "2"})
    assert [one.path for one in find_requests(repo, first).requests] == [A, B]
    assert repo.url == f"{forge.url}/DataSpecHub.git"
    pushing = GitIndexRepo(address, str(tmp_path / "indexes.git"))
    commits = pushing.publish({"index.yaml": b"a: 1\n"}, branches=["data/x", "main"], message="x")
    assert hand.git("rev-parse", "main", "data/x").split() == [commits["main"], commits["data/x"]]


def test_a_commit_of_no_branch_is_had_by_its_name(
    forge: GitForge, hand: GitHand, tmp_path: Path
) -> None:
    first = hand.commit({A: "1"})
    dropped = hand.commit({A: "2"})
    hand.reset(first)
    repo = GitSpecRepo(forge.address("DataSpecHub.git"), str(tmp_path / "mirrors"))
    assert repo.head() == first
    assert repo.read(A, dropped) == b"2"
    with pytest.raises(NotFound):
        repo.read(A, "1234567890" * 4)


@pytest.mark.parametrize("form", ["wrong password", "no password", "not allowed"])
def test_whoever_may_not_is_told_so_without_being_asked(
    forge: GitForge, hand: GitHand, tmp_path: Path, form: str
) -> None:
    hand.commit({A: "1"})
    address = {
        "wrong password": forge.address("DataSpecHub.git", password="wrong"),
        "no password": f"{forge.url}/DataSpecHub.git",
        "not allowed": forge.address("DataSpecHub.git"),
    }[form]
    if form == "not allowed":
        forge.refuses.add("upload-pack")
    repo = GitSpecRepo(address, str(tmp_path / "mirrors"))
    forge.asked.clear()
    with pytest.raises(Denied) as caught:
        repo.head()
    assert forge.asked
    assert not [secret for secret in SECRETS if secret in shown(caught.value)]


def test_whoever_may_only_read_is_refused_the_push(
    forge: GitForge, hand: GitHand, tmp_path: Path
) -> None:
    hand.commit({A: "1"})
    forge.refuses.add("receive-pack")
    repo = GitIndexRepo(forge.address("DataSpecHub.git"), str(tmp_path / "indexes.git"))
    assert repo.read(A) == b"1"
    with pytest.raises(Denied) as caught:
        repo.publish({"index.yaml": b"a: 1\n"}, branches=["main"], message="x")
    assert not [secret for secret in SECRETS if secret in shown(caught.value)]


def test_a_repository_that_the_forge_does_not_have(forge: GitForge, tmp_path: Path) -> None:
    repo = GitSpecRepo(forge.address("none.git"), str(tmp_path / "mirrors"))
    with pytest.raises(NotFound):
        repo.head()
