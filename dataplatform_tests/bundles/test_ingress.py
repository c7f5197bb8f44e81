"""Pushes that are told from outside: what a message may say, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.claims import LEASE, read_claim, sensors_turn
from dataplatform.bundles.ingress import FILES_MAX, Accepted, read_event
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.bundles.pushing import PATH, Pushing
from opendata.wire.errors import InvalidInput, NotFound, Rejected, Unavailable

pytestmark = pytest.mark.requirement("S0-4", "S0-5", "S0-6", "S0-7", "S0-9", "B5")

COMMIT = "a" * 40
NAMES = {"bundle_type": "weekly", "bundle_name": "model-v1.0.0-2025.25"}
BODY = {"bundle_file": PATH, "spec_repo_commit": COMMIT, **NAMES}


@pytest.fixture
def there() -> Pushing:
    return Pushing()


def outcomes(accepted: Accepted) -> dict[str, str]:
    return {one.path: one.outcome for one in accepted.files}


# --- what a message says -------------------------------------------------------------------------


def test_the_documents_payload_is_read_with_and_without_its_envelope() -> None:
    event = read_event(BODY)
    assert (event.files, event.commit) == ((PATH,), COMMIT)
    assert read_event({"event_type": "generate-data-index", "client_payload": BODY}) == event
    assert read_event({"action": "generate-data-index", "client_payload": BODY}) == event


def test_several_files_come_as_lines_or_as_a_list() -> None:
    other = "bundles/release/model-v1.0.0.yaml"
    for told in (f"{PATH}\n{other}\n", [PATH, other], [PATH, other, PATH]):
        assert read_event({"bundle_file": told, "spec_repo_commit": COMMIT}).files == (PATH, other)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bundle_file": "bundles/../etc/passwd.yaml"}, "bundle_file"),
        ({"bundle_file": "/bundles/weekly/a-v1.0.0.yaml"}, "bundle_file"),
        ({"bundle_file": "channels/a/spec-1.0.0.yaml"}, "bundle_file"),
        ({"bundle_file": "bundles/weekly/a.json"}, "bundle_file"),
        ({"bundle_file": "bundles//a-v1.0.0.yaml"}, "bundle_file"),
        ({"bundle_file": "bundles/weekly/a\x00.yaml"}, "bundle_file"),
        ({"bundle_file": "bundles/" + "a" * 2000 + ".yaml"}, "bundle_file"),
        ({"bundle_file": []}, "bundle_file"),
        ({"bundle_file": [PATH] * (FILES_MAX + 1)}, "bundle_file"),
        ({"bundle_file": [3]}, "bundle_file"),
        ({"bundle_file": None}, "bundle_file"),
        ({"bundle_type": "release"}, "bundle_type"),
        ({"bundle_name": "other"}, "bundle_name"),
        ({"spec_repo_commit": "main"}, "spec_repo_commit"),
        ({"spec_repo_commit": "abc123456"}, "spec_repo_commit"),
        ({"spec_repo_commit": "--upload-pack=x"}, "spec_repo_commit"),
        ({"spec_repo_commit": None}, "spec_repo_commit"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        read_event({**BODY, **change})


def test_another_event_is_refused() -> None:
    with pytest.raises(InvalidInput, match="generate-data-index"):
        read_event({"event_type": "deploy", "client_payload": BODY})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(["bundle_file", "spec_repo_commit", "client_payload", "event_type"])


@given(st.dictionaries(FIELDS, JSON))
def test_no_message_does_more_than_be_refused(message: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_event(message)


# --- what comes of it ----------------------------------------------------------------------------


def test_a_push_asks_for_its_run_at_once_and_for_its_channels(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    accepted = there.tell(commit)
    request = BundleRequest(PATH, commit)
    [run] = there.room.runs
    assert (run.key, run.channels) == (request.run_key, ("images",))
    assert there.room.partitions == {"weekly/model-v1.0.0-2025.25"}
    assert accepted.to_json()["files"] == [
        {
            "bundle_file": PATH,
            "outcome": "launched",
            "spec_repo_commit": commit,
            "run_id": run.id,
            "reason": None,
        }
    ]


def test_a_push_that_is_told_again_asks_for_nothing(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.tell(commit)
    [again] = there.tell(commit).files
    assert (again.outcome, again.run_id) == ("known", there.room.runs[0].id)
    assert len(there.room.runs) == 1


def test_the_sensor_leaves_it_alone_afterwards(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.tell(commit)
    assert there.look().ask == ()
    assert there.look().ask == ()


def test_what_the_sensor_has_asked_for_is_known(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.tick()
    assert outcomes(there.tell(commit)) == {PATH: "known"}
    assert len(there.room.runs) == 1


def test_a_late_message_asks_for_the_head_and_not_for_what_was(there: Pushing) -> None:
    old = there.push({PATH: there.spec()})
    new = there.push({PATH: there.spec(comment="newer")})
    there.tell(old)
    assert there.room.keys() == [BundleRequest(PATH, new).run_key]
    assert outcomes(there.tell(new)) == {PATH: "known"}


def test_a_push_that_touched_something_else_asks_for_the_commit_that_made_the_file(
    there: Pushing,
) -> None:
    made = there.push({PATH: there.spec()})
    later = there.push({"README.md": "about"})
    there.tell(later)
    assert there.room.keys() == [BundleRequest(PATH, made).run_key]


def test_a_file_that_is_gone_is_said_to_be(there: Pushing) -> None:
    there.push({PATH: there.spec()})
    gone = there.push({PATH: None})
    assert outcomes(there.tell(gone)) == {PATH: "deleted"}
    assert there.room.runs == []


def test_a_commit_of_another_branch_brings_nothing(there: Pushing) -> None:
    base = there.push({"README.md": "about"})
    branch = there.repo.commit({PATH: there.spec()}, parents=[base])
    with pytest.raises(Rejected) as raised:
        there.tell(branch)
    assert raised.value.code == "not_on_branch"
    assert there.room.runs == []
    merged = there.repo.merge(branch)
    there.tell(merged)
    assert len(there.room.runs) == 1


def test_a_control_room_that_is_away_leaves_it_to_the_sensor_at_once(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.room.away = True
    [left] = there.tell(commit).files
    assert left.outcome == "left_to_sensor"
    assert left.reason == "the control room does not answer"
    there.room.away = False
    there.tick()
    assert there.room.keys() == [BundleRequest(PATH, commit).run_key]


def test_a_run_whose_answer_was_lost_is_one_run(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.room.deaf = True
    assert outcomes(there.tell(commit)) == {PATH: "left_to_sensor"}
    there.room.deaf = False
    assert outcomes(there.tell(commit)) == {PATH: "left_to_sensor"}
    assert there.look().ask == ()  # it may still arrive
    there.now += LEASE
    there.tick()
    assert there.room.keys() == [BundleRequest(PATH, commit).run_key]


def test_a_run_that_was_created_and_not_submitted_is_submitted_by_the_sensor(
    there: Pushing,
) -> None:
    commit = there.push({PATH: there.spec()})
    there.room.half = True
    there.tell(commit)
    assert there.room.keys() == []
    there.now += LEASE
    there.tick()
    assert there.room.keys() == [BundleRequest(PATH, commit).run_key]
    assert len(there.room.runs) == 1


def test_a_hook_that_was_killed_after_its_claim_is_followed_by_the_sensor(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.crash_at(there.tell, commit, write=1)
    [told] = there.tell(commit).files
    assert told.reason == "another message about it is being acted on"
    assert there.room.runs == []
    there.now += LEASE
    [told] = there.tell(commit).files
    assert told.reason == "whoever claimed it did not launch it"
    assert sensors_turn(there.store, BundleRequest(PATH, commit), there.now) == "ask"


def test_a_hook_that_was_killed_after_its_launch_has_launched_it(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.crash_at(there.tell, commit, write=2)
    there.now += LEASE
    there.tick()
    assert there.room.keys() == [BundleRequest(PATH, commit).run_key]


def test_a_spec_that_cannot_be_read_is_asked_for_too_so_that_its_run_says_why(
    there: Pushing,
) -> None:
    commit = there.push({PATH: "meta: ["})
    there.tell(commit)
    [run] = there.room.runs
    assert run.channels == ()


def test_a_refusal_of_the_control_room_is_told_and_left_to_the_sensor(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.room.refuses = "there is no asset bundle_index"
    [left] = there.tell(commit).files
    assert (left.outcome, left.reason) == ("left_to_sensor", "there is no asset bundle_index")


def test_without_the_store_nothing_is_launched(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.fail_writes()
    with pytest.raises(Unavailable):
        there.tell(commit)
    assert there.room.runs == []


def test_without_a_repository_it_says_so(there: Pushing) -> None:
    there.repo.tip = None
    with pytest.raises(NotFound):
        there.tell(COMMIT)


def test_the_claim_of_a_launched_run_names_it(there: Pushing) -> None:
    commit = there.push({PATH: there.spec()})
    there.tell(commit)
    held = read_claim(there.store, BundleRequest(PATH, commit))
    assert held is not None
    assert held.claim.run_id == there.room.runs[0].id
