"""One look at everything, again and again: what is due, who is told, and that nothing stops it."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.alerts.deliver import read_alerts
from dataplatform.bundles.watch.mend import apply_repair
from dataplatform.bundles.watch.monitoring import MONITORING_PATH
from dataplatform.bundles.watch.repair import plan_repair
from dataplatform.bundles.watch.status import bundle_status
from dataplatform_tests.bundles.watch.site import MONITORING, OPS, PHONE, Site
from dataplatform_tests.bundles.watch.test_sync import PATH, SPEC, indexed_at_commit
from dataplatform_tests.fakes.notifier import FakeNotifier
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash
from opendata.wire import keys
from opendata.wire.bundle import BundleLock

CHANNEL = """\
channel: images
version: "1.2.0"
storage_path: {lake}/
expected: {{every: 1h, count: 6}}
mirrors: ["{mirror}/"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.deliver(hours=4)
    return site


def published(site: Site, monitoring: str = MONITORING, hours: int = 4) -> BundleLock:
    """A spec repository and the bundle that it asks for, in time."""
    channel = CHANNEL.format(lake=site.lake, mirror=site.mirror)
    files = {
        PATH: SPEC,
        MONITORING_PATH: monitoring,
        "channels/images/spec-1.2.0.yaml": channel,
    }
    commit = site.repo.commit(files, at=site.now)
    lock = site.publish(hours=hours)
    indexed_at_commit(site, commit)
    return lock


@pytest.mark.requirement("S0-87", "S0-93")
def test_nothing_is_wrong_and_nobody_is_told(site: Site) -> None:
    lock = published(site)
    tick = site.look()
    assert tick.findings == []
    assert tick.completeness[0].ratio == 1.0
    assert tick.sync is not None
    assert tick.sync.passed
    assert site.notifier.received == []
    assert bundle_status(site.ports, lock, now=site.now).findings == ()


@pytest.mark.requirement("S0-68", "S0-69", "S0-76", "S0-77", "S0-87")
def test_lost_files_are_told_escalated_repaired_and_over(site: Site) -> None:
    lock = published(site)
    site.look()
    site.lose(site.paths()[:1])
    site.look(timedelta(hours=1))
    (told,) = site.notifier.received
    assert told.target == OPS
    assert "95.83 % complete, 1 file missing" in told.title
    assert "repair: od bundle repair model@v1.0.0-2025.25 --apply" in told.body
    assert site.paths()[0] not in told.body
    assert "2025/06/01/00/img_000.jpg" in told.body
    site.look(timedelta(minutes=30))
    assert site.notifier.heard(PHONE) == ["raised"]
    apply_repair(site.ports, plan_repair(site.ports, lock, now=site.now), now=site.now)
    site.look(timedelta(minutes=30))
    site.look(timedelta(minutes=10))
    assert site.notifier.heard(OPS) == ["raised", "recovered"]
    assert site.notifier.heard(PHONE) == ["raised", "recovered"]


def test_completeness_is_measured_when_it_is_due(site: Site) -> None:
    published(site)
    assert len(site.look().completeness) == 1
    assert len(site.look(timedelta(minutes=50)).completeness) == 0
    assert len(site.look(timedelta(minutes=10)).completeness) == 1
    late_by_a_second = timedelta(minutes=60) - timedelta(seconds=1)
    assert len(site.look(late_by_a_second).completeness) == 1
    assert len(site.look(timedelta(days=-30)).completeness) == 1  # the clock was set back


@pytest.mark.requirement("S0-75")
def test_corrupted_bytes_are_found_by_the_scrub_and_told_at_once_to_everybody(site: Site) -> None:
    monitoring = MONITORING.replace(
        "    verify_checksums: true\n", "    verify_checksums: true\n    verify_within: 1h\n"
    )
    lock = published(site, monitoring)
    bad = site.paths()[7]
    site.flip_bit(bad)
    tick = site.look()
    assert tick.scrubbed is not None
    assert [one.rpartition("v1.2.0/")[2] for one in tick.scrubbed.damaged] == [bad]
    assert {one.target for one in site.notifier.received} == {OPS, PHONE}
    told = next(one for one in site.notifier.received if one.severity == "critical")
    assert told.title == "[CRITICAL] 1 file of images 1.2.0 damaged"
    assert f"{bad} (altered)" in told.body
    assert "od bundle repair model@v1.0.0-2025.25 --channel images --apply" in told.body
    apply_repair(site.ports, plan_repair(site.ports, lock, now=site.now), now=site.now)
    assert site.look(timedelta(minutes=1)).findings == []
    assert bundle_status(site.ports, lock, now=site.now).findings == ()


@pytest.mark.requirement("S0-73")
def test_a_place_that_cannot_be_reached_is_one_alert_and_no_false_one(site: Site) -> None:
    published(site)
    site.look()
    site.lake.rename(site.folder / "unmounted")
    tick = site.look(timedelta(hours=1))
    assert [one.key for one in tick.findings] == [f"access/{site.lake}/"]
    assert "there is no folder" in tick.findings[0].cause
    (site.folder / "unmounted").rename(site.lake)
    assert site.look(timedelta(hours=1)).findings == []


@pytest.mark.requirement("S0-68", "S0-70", "S0-72", "S0-73", "S0-74", "S0-75")
@pytest.mark.parametrize(
    ("switch", "about"),
    [
        ("alert_on_missing_files", "completeness/"),
        ("check_dataspec_updates", "sync/"),
        ("alert_on_sync_failure", "sync/"),
        ("check_storage_accessibility", "access/"),
        ("verify_checksums", "damage/"),
        ("alert_on_corruption", "damage/"),
    ],
)
def test_what_is_turned_off_is_not_told(site: Site, switch: str, about: str) -> None:
    found = []
    for setting in ("true", "false"):
        monitoring = MONITORING.replace(f"{switch}: true", f"{switch}: {setting}").replace(
            "  storage_health:\n", "  storage_health:\n    verify_within: 1h\n"
        )
        assert f"{switch}: {setting}" in monitoring
        shutil.rmtree(site.folder)
        site = Site(site.folder)
        site.deliver(hours=24)
        published(site, monitoring, hours=24)
        if about == "access/":
            site.lake.rename(site.folder / "unmounted")
        else:
            if about == "damage/":
                site.flip_bit(site.paths()[7])
            else:
                site.lose(site.paths()[:1])  # of 144: the threshold is kept
            site.repo.commit({"bundles/weekly/other-v1.0.0-2025.25.yaml": SPEC}, at=site.now)
        tick = site.look(timedelta(minutes=31))
        found.append({one.key.partition("/")[0] + "/" for one in tick.findings})
    told, untold = found
    assert told - untold == {about}
    assert untold <= told


def test_an_open_alert_has_not_recovered_only_because_nothing_can_be_measured(site: Site) -> None:
    published(site)
    site.lose(site.paths()[:3])
    site.look()
    site.lake.rename(site.folder / "unmounted")
    for _ in range(3):
        site.look(timedelta(hours=1))
    assert "completeness/weekly/model-v1.0.0-2025.25/images" in {
        one.key for one in read_alerts(site.store).open if one.cleared is None
    }


@pytest.mark.requirement("S0-71", "S0-72")
def test_a_commit_that_nobody_indexes_is_told_after_half_an_hour(site: Site) -> None:
    published(site)
    site.repo.commit({PATH: SPEC.replace("<2", "<3")}, at=site.now)
    assert site.look(timedelta(minutes=20)).findings == []
    (finding,) = site.look(timedelta(minutes=11)).findings
    assert finding.key == f"sync/{PATH}"
    assert finding.repair == f"od bundle index {PATH}"


@pytest.mark.requirement("S0-76")
def test_a_target_without_an_address_is_a_finding_that_the_others_hear_of(site: Site) -> None:
    site.notifier = FakeNotifier(known={OPS})
    published(site)
    tick = site.look()
    assert [one.key for one in tick.findings] == [f"targets/{PHONE}"]
    assert [one.kind for one in site.notifier.received] == ["raised"]
    assert f"`{PHONE} = ADDRESS`" in site.notifier.received[0].body


def test_a_broken_monitoring_file_is_a_finding_and_the_defaults_hold(site: Site) -> None:
    published(site, "monitoring: {bundle_completeness: {alert_threshold: 99}}\n")
    site.lose(site.paths()[:1])
    found = {one.key: one for one in site.look().findings}
    assert f"{MONITORING_PATH}:1:" in found["checks/monitoring"].cause
    assert "completeness/weekly/model-v1.0.0-2025.25/images" in found


def test_without_a_spec_repository_files_are_watched_all_the_same(site: Site) -> None:
    site.publish(hours=4)
    site.has_repo = False
    site.lose(site.paths()[:1])
    assert [one.key for one in site.look().findings] == [
        "completeness/weekly/model-v1.0.0-2025.25/images"
    ]


def test_a_lock_that_was_altered_is_told_and_the_other_bundles_are_watched(site: Site) -> None:
    lock = published(site)
    site.publish(hours=4, version="v1.0.0-2025.26")
    site.store.put(keys.bundle_revision_key(lock.ref, 1), b"{}")
    tick = site.look()
    assert "locks/weekly/model-v1.0.0-2025.25" in {one.key for one in tick.findings}
    assert [one.bundle for one in tick.completeness] == ["weekly/model-v1.0.0-2025.26"]


def test_an_alert_about_a_bundle_whose_lock_broke_has_not_recovered(site: Site) -> None:
    lock = published(site)
    site.lose(site.paths()[:1])
    site.look()
    site.store.put(keys.bundle_revision_key(lock.ref, 1), b"{}")
    site.look(timedelta(hours=1))
    site.look(timedelta(hours=1))
    assert [one.key for one in read_alerts(site.store).open if one.cleared is None] == [
        "completeness/weekly/model-v1.0.0-2025.25/images",
        "locks/weekly/model-v1.0.0-2025.25",
    ]


def test_a_damaged_catalogue_hides_no_bundle(site: Site) -> None:
    published(site)
    site.store.put(keys.BUNDLE_CATALOGUE, b"{")
    assert [one.bundle for one in site.look().completeness] == ["weekly/model-v1.0.0-2025.25"]


@pytest.mark.parametrize("write", range(8))
@pytest.mark.requirement("S0-87")
def test_a_look_that_is_killed_at_any_write_is_made_up_for_by_the_next(
    site: Site, write: int
) -> None:
    published(site)
    site.lose(site.paths()[:1])
    real = site.store
    crashing = CrashingStore(real, write)
    channels = dataclasses.replace(site.ports.channels, store=crashing)
    healthy = site.ports
    site.ports = dataclasses.replace(site.ports, store=crashing, channels=channels)
    with contextlib.suppress(SimulatedCrash):  # the last ones come after everything was written
        site.look()
    site.ports = healthy
    for _ in range(2):
        site.look(timedelta(minutes=70))
    assert OPS in {one.target for one in site.notifier.received}
    assert site.notifier.heard(OPS).count("raised") <= 2
    assert read_alerts(site.store).outbox == ()


def test_a_store_without_bundles_is_looked_at_and_nothing_is_wrong(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.repo.commit({"README.md": "specs"})
    tick = site.look()
    assert (tick.findings, tick.completeness) == ([], ())
    assert tick.to_json()["passed"] is True


@pytest.mark.requirement("S0-58")
def test_repositories_that_do_not_go_together_are_told_to_the_channels_of_the_version_check(
    site: Site,
) -> None:
    published(site)
    site.repo.commit(
        {
            "VERSION": "v1.1.0",
            "compatibility/dataindex_compatibility.yaml": COMPATIBILITY,
        },
        at=site.now,
    )
    site.index_repo.publish({"VERSION": b"v1.0.0"}, branches=["main"], message="begin")
    tick = site.look()
    (finding,) = tick.findings
    assert finding.key == "compatibility/versions"
    assert "v1.1.0" in finding.cause
    assert {"slack", "email"} <= {one.target for one in site.notifier.received}


COMPATIBILITY = """\
compatibility_matrix:
  spec_repo_versions:
    "v1.1.0":
      compatible_dataindex_versions: ["v1.1.0", "v1.1.1"]
      breaking_changes: ["changed index schema for object_array channel"]
      migration_guide: "docs/migration/v1.0-to-v1.1.md"
version_check:
  enable_automatic_check: true
  fail_on_incompatible: true
  notification_channels: ["slack", "email"]
"""
