"""Sync: from a commit to its index, and what is in the way."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.bundles.outcomes import PUBLISHED, read_outcomes, record_outcome
from dataplatform.bundles.watch.sync import BundleSync, SyncStatus, remember_look, sync_status
from dataplatform_tests.bundles.watch.site import JUNE, Site
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.wire import keys
from opendata.wire.bundle import BundlePointer, parse_bundle_ref
from opendata.wire.codec import read_wire, replace
from opendata.wire.errors import Denied, Rejected, Unavailable

PATH = "bundles/weekly/model-v1.0.0-2025.25.yaml"
SPEC = """\
meta: {bundle_name: model, bundle_version: "v1.0.0-2025.25", bundle_type: weekly}
channels:
  - {channel: images, version: ">=1.2,<2"}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.deliver(hours=1)
    return site


def status(site: Site) -> SyncStatus:
    found = sync_status(site.ports, now=site.now)
    remember_look(site.store, found.memory)
    return found


def only(found: SyncStatus) -> BundleSync:
    (one,) = found.bundles
    return one


def ask(site: Site, text: str = SPEC) -> str:
    return site.repo.commit({PATH: text}, at=site.now)


def indexed_at_commit(site: Site, commit: str) -> None:
    """What publishing leaves: the pointer says which commit asked for it last."""
    key = keys.bundle_pointer_key(parse_bundle_ref(PATH))
    pointer = read_wire(BundlePointer, site.store.get(key).data, key)
    moved = replace(pointer, spec_commit=commit, updated_at=site.now.isoformat())
    site.store.put(key, moved.to_bytes())


@pytest.mark.requirement("S0-70", "S0-71")
def test_a_commit_waits_and_is_late_after_half_an_hour(site: Site) -> None:
    commit = ask(site)
    site.now += timedelta(minutes=30)
    waiting = only(status(site))
    assert (waiting.commit, waiting.state, waiting.delay_seconds) == (commit, "waiting", 1800.0)
    site.now += timedelta(seconds=1)
    late = status(site)
    assert only(late).state == "late"
    assert not late.passed
    assert only(late).repair == f"od bundle index {PATH}"
    assert "sensor" in str(only(late).cause)


@pytest.mark.requirement("S0-71")
def test_the_delay_is_from_the_commit_to_its_index(site: Site) -> None:
    commit = ask(site)
    site.now += timedelta(seconds=41)
    site.publish(hours=1)
    indexed_at_commit(site, commit)
    site.now += timedelta(days=3)
    found = only(status(site))
    assert (found.state, found.delay_seconds) == ("indexed", 41.0)


@pytest.mark.requirement("S0-72")
def test_a_failed_run_says_why_and_what_to_do(site: Site) -> None:
    commit = ask(site)
    error = Rejected("images has no version >=1.2,<2", code="unresolvable", hint="od bundle check")
    record_outcome(site.store, PATH, commit, site.now, error=error)
    found = only(status(site))
    assert (found.state, found.passed) == ("failed", False)
    assert found.cause == "images has no version >=1.2,<2"
    assert found.repair == "od bundle check"


def test_what_is_published_and_not_pushed_is_not_done(site: Site) -> None:
    """Readers have it, and nobody comes by to finish the rest, so somebody has to be told."""
    commit = ask(site)
    site.publish(hours=1)
    indexed_at_commit(site, commit)
    refused = Denied("the index repository refuses commits", details={PUBLISHED: True})
    record_outcome(site.store, PATH, commit, site.now, error=refused)
    found = only(status(site))
    assert (found.state, found.repair) == ("failed", f"od bundle index {PATH}")
    assert "its lock is published, and the index repository has it not yet" in str(found.cause)
    record_outcome(site.store, PATH, commit, site.now, changed=False)
    assert only(status(site)).state == "indexed"


def test_a_failure_that_left_the_published_lock_as_it_is_is_no_delay(site: Site) -> None:
    commit = ask(site)
    site.publish(hours=1)
    indexed_at_commit(site, commit)
    record_outcome(site.store, PATH, commit, site.now, error=Rejected("the run was canceled"))
    assert only(status(site)).state == "indexed"


def test_what_failed_at_an_older_commit_says_nothing_of_the_newer_one(site: Site) -> None:
    old = ask(site)
    record_outcome(site.store, PATH, old, site.now, error=Rejected("broken"))
    ask(site, SPEC + "# corrected\n")
    assert only(status(site)).state == "waiting"


@pytest.mark.requirement("S0-72")
def test_a_late_file_that_cannot_be_read_is_its_own_cause(site: Site) -> None:
    ask(site, "meta: {bundle_name: model}\n")
    site.now += timedelta(hours=1)
    found = only(status(site))
    assert f"{PATH}:1:" in str(found.cause)
    assert found.repair == "od bundle check"


def test_a_run_that_changed_nothing_is_an_index_all_the_same(site: Site) -> None:
    commit = ask(site)
    site.now += timedelta(minutes=2)
    record_outcome(site.store, PATH, commit, site.now, changed=False)
    found = only(status(site))
    assert (found.state, found.delay_seconds) == ("indexed", 120.0)


def test_a_commit_that_was_made_long_before_it_was_pushed_is_not_late_at_once(site: Site) -> None:
    site.repo.commit({"README.md": "specs"}, at=site.now)
    status(site)
    site.now += timedelta(minutes=5)
    site.repo.commit({PATH: SPEC}, at=site.now - timedelta(days=3))
    found = only(status(site))
    assert (found.state, found.delay_seconds) == ("waiting", 300.0)
    site.now += timedelta(minutes=26)
    assert only(status(site)).state == "late"


def test_a_commit_from_the_future_has_waited_for_nothing(site: Site) -> None:
    site.repo.commit({PATH: SPEC}, at=site.now + timedelta(days=400))
    found = only(status(site))
    assert (found.state, found.delay_seconds) == ("waiting", 0.0)


def test_a_deleted_file_and_what_is_no_bundle_file_are_waited_for_by_nobody(site: Site) -> None:
    ask(site)
    site.repo.commit({PATH: None, "bundles/README.md": "about"}, at=site.now)
    assert status(site).bundles == ()


def test_a_file_whose_name_names_no_bundle_is_late_with_its_mistake(site: Site) -> None:
    site.repo.commit({"bundles/weekly/model.yaml": SPEC}, at=JUNE)
    found = only(status(site))
    assert found.state == "late"
    assert "bundles/weekly/model.yaml" in str(found.cause)


def test_a_repository_that_does_not_answer_is_a_problem_and_no_failure(site: Site) -> None:
    def unreachable() -> FakeSpecRepo:
        raise Unavailable("git cannot reach the remote")

    ports = dataclasses.replace(site.ports, open_spec_repo=unreachable)
    found = sync_status(ports, now=site.now)
    assert (found.head, found.passed) == (None, False)
    assert found.problem == "git cannot reach the remote"


def test_where_no_repository_is_set_there_is_nothing_to_be_behind(site: Site) -> None:
    site.has_repo = False
    found = status(site)
    assert (found.head, found.problem, found.passed) == (None, "no spec repository is set", True)


def test_a_damaged_record_of_outcomes_is_begun_anew(site: Site) -> None:
    site.store.put("watch/requests.json", b"{")
    record_outcome(site.store, PATH, "abc", site.now, changed=True)
    assert read_outcomes(site.store)[PATH].outcome == "indexed"


def test_one_file_alone_can_be_asked_about(site: Site) -> None:
    ask(site)
    site.repo.commit({"bundles/weekly/other-v1.0.0.yaml": SPEC}, at=site.now)
    found = sync_status(site.ports, now=site.now, only=PATH)
    assert only(found).path == PATH
    assert len(status(site).bundles) == 2


def test_a_path_that_is_no_text_is_told_in_text(site: Site) -> None:
    site.repo.commit({"bundles/weekly/\udcff.yaml": SPEC}, at=JUNE)
    found = status(site)
    assert only(found).state == "late"
    assert only(found).path == "bundles/weekly/\\xff.yaml"
