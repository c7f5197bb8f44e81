"""Repairing: a plan first, then what it says, until the status is healthy again."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.bundles.watch.completeness import measure_completeness
from dataplatform.bundles.watch.damage import read_damage
from dataplatform.bundles.watch.mend import Mended, apply_repair
from dataplatform.bundles.watch.monitoring import StorageSettings
from dataplatform.bundles.watch.repair import Plan, plan_repair
from dataplatform.bundles.watch.status import bundle_status
from dataplatform.bundles.watch.verify import verify_bundle
from dataplatform_tests.bundles.watch.site import Site
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.wire.bundle import BundleLock
from opendata.wire.version import parse_version


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.deliver(hours=4)
    return site


def plan(site: Site, lock: BundleLock) -> Plan:
    return plan_repair(site.ports, lock, now=site.now, specs=site.find_spec)


def mend(site: Site, lock: BundleLock) -> Mended:
    return apply_repair(site.ports, plan(site, lock), now=site.now)


def is_healthy(site: Site, lock: BundleLock) -> bool:
    return bundle_status(site.ports, lock, now=site.now, specs=site.find_spec).passed


def kinds(found: Plan) -> list[str]:
    return [one.kind for one in found.actions]


def test_a_healthy_bundle_has_nothing_to_repair(site: Site) -> None:
    assert plan(site, site.publish(hours=4)).is_empty


@pytest.mark.requirement("S0-68", "S0-85")
def test_lost_and_damaged_files_are_fetched_from_the_mirror_and_all_is_well_again(
    site: Site,
) -> None:
    lock = site.publish(hours=4)
    site.repo.commit({lock.spec.file: "x"}, at=site.now)
    lost, bad = site.paths()[2], site.paths()[9]
    before = {path: site.digest(path) for path in (lost, bad)}
    site.lose([lost])
    site.flip_bit(bad)
    verify_bundle(site.ports, lock, now=site.now)
    assert not is_healthy(site, lock)
    found = plan(site, lock)
    assert kinds(found) == ["rehash", "refetch"]
    assert not (site.lake / lost).exists()  # a plan changes nothing
    mended = apply_repair(site.ports, found, now=site.now)
    assert (sorted(mended.fetched), mended.failed) == (sorted([lost, bad]), [])
    assert {path: site.digest(path) for path in (lost, bad)} == before
    assert read_damage(site.store, "images", "1.2.0") == {}
    assert plan(site, lock).is_empty
    measured = measure_completeness(site.ports, lock, now=site.now, specs=site.find_spec)
    assert measured.ratio == 1.0


def test_a_file_that_was_delivered_anew_is_not_overwritten_for_an_older_bundle(site: Site) -> None:
    """The older bundle has lost it; the newer one, and the channel, have it as it is now."""
    old = site.publish(hours=4)
    anew, lost = site.paths()[3], site.paths()[5]
    (site.lake / anew).write_bytes(b"recorded once more")
    newer = site.publish(hours=4, version="v1.0.0-2025.26")
    site.lose([lost])
    found = plan(site, old)
    assert [one.what for one in found.cannot] == [anew]
    assert "newer bytes" in found.cannot[0].why
    mended = apply_repair(site.ports, found, now=site.now)
    assert mended.fetched == [lost]
    assert (site.lake / anew).read_bytes() == b"recorded once more"
    assert is_healthy(site, newer)


def test_a_mirror_with_other_bytes_replaces_nothing(site: Site) -> None:
    lock = site.publish(hours=4)
    bad = site.paths()[0]
    site.lose([bad])
    (site.mirror / bad).write_bytes(b"x" * (site.mirror / bad).stat().st_size)
    mended = mend(site, lock)
    assert mended.fetched == []
    assert [one.what for one in mended.failed] == [bad]
    assert not (site.lake / bad).exists()


def test_the_next_mirror_is_asked_when_the_first_has_other_bytes(site: Site) -> None:
    other = site.folder / "other"
    shutil.copytree(site.mirror, other)
    bad = site.paths()[0]
    (site.mirror / bad).write_bytes(b"x" * (site.mirror / bad).stat().st_size)
    lock = site.publish(4, site.spec(mirrors=[f"{site.mirror}/", f"{other}/"]))
    site.lose([bad])
    assert mend(site, lock).fetched == [bad]


def test_what_no_mirror_has_cannot_be_repaired_and_says_what_to_do(site: Site) -> None:
    lock = site.publish(4, site.spec(mirrors=[]))
    site.lose(site.paths()[:1])
    found = plan(site, lock)
    assert found.actions == ()
    (cannot,) = found.cannot
    assert cannot.why == "the channel has no mirrors"
    assert "channels/images/spec-1.2.0.yaml" in cannot.hint


def test_a_file_that_was_restored_by_hand_only_needs_to_be_hashed(site: Site) -> None:
    lock = site.publish(4, site.spec(mirrors=[]))
    path = site.paths()[3]
    site.flip_bit(path)
    verify_bundle(site.ports, lock, now=site.now)
    site.flip_bit(path)
    (cannot,) = plan(site, lock).cannot
    assert (cannot.what, cannot.unless_sound) == (path, True)
    mended = mend(site, lock)
    assert (mended.verified, mended.cannot, mended.failed) == ([path], [], [])
    assert read_damage(site.store, "images", "1.2.0") == {}


def test_damage_that_hashing_confirms_is_still_told_after_the_repair(site: Site) -> None:
    lock = site.publish(4, site.spec(mirrors=[]))
    site.flip_bit(site.paths()[3])
    verify_bundle(site.ports, lock, now=site.now)
    mended = mend(site, lock)
    assert mended.verified == []
    assert [one.what for one in mended.cannot] == [site.paths()[3]]


def test_without_a_spec_repository_that_is_what_is_said(site: Site) -> None:
    lock = site.publish(hours=6)  # four hours were delivered
    site.lose(site.paths()[:1])
    site.deliver(hours=1, first=4)
    site.has_repo = False
    found = plan_repair(site.ports, lock, now=site.now)
    assert {one.why for one in found.cannot} == {
        "its mirrors are not known: no spec repository is set",
    }
    assert all("OPENDATA_SPEC_REPO" in one.hint for one in found.cannot)


def test_a_lost_file_that_no_mirror_has_never_leaves_the_index_by_listing_anew(site: Site) -> None:
    lock = site.publish(6, site.spec(mirrors=[]))
    lost = site.paths()[0]
    site.lose([lost])
    site.deliver(hours=2, first=4)
    found = plan(site, lock)
    assert kinds(found) == ["relist"]
    mended = apply_repair(site.ports, found, now=site.now)
    assert mended.relisted == []
    index = read_channel_pointer(site.store, "images", parse_version("1.2.0"))
    assert index is not None
    assert index.total_files == 24


def test_a_file_that_was_only_touched_is_hashed_and_found_sound(site: Site) -> None:
    lock = site.publish(hours=4)
    (site.lake / site.paths()[1]).touch()
    found = plan(site, lock)
    assert kinds(found) == ["rehash"]
    assert apply_repair(site.ports, found, now=site.now).verified == [site.paths()[1]]
    assert plan(site, lock).is_empty
    (site.lake / site.paths()[1]).touch()
    assert kinds(plan(site, lock)) == ["rehash"]


@pytest.mark.requirement("S0-68")
def test_files_that_arrived_late_are_indexed_and_the_bundle_is_to_be_locked_anew(
    site: Site,
) -> None:
    lock = site.publish(hours=6)
    assert [one.why for one in plan(site, lock).cannot] == [f"they never arrived at {site.lake}/"]
    site.deliver(hours=2, first=4)
    found = plan(site, lock)
    assert kinds(found) == ["relist"]
    mended = apply_repair(site.ports, found, now=site.now)
    assert mended.relisted == ["images"]
    assert mended.next_command == f"od bundle index {lock.spec.file}"
    index = read_channel_pointer(site.store, "images", parse_version("1.2.0"))
    assert index is not None
    assert index.total_files == 36
    assert "older than the channel's" in plan(site, lock).cannot[0].why


def test_damage_never_becomes_the_truth_by_listing_anew(site: Site) -> None:
    lock = site.publish(6, site.spec(mirrors=[]))
    bad = site.paths()[0]
    site.flip_bit(bad)
    (site.lake / bad).touch()
    verify_bundle(site.ports, lock, now=site.now)
    site.deliver(hours=2, first=4)
    before = read_channel_pointer(site.store, "images", parse_version("1.2.0"))
    mended = mend(site, lock)
    assert "take them as they are" in mended.failed[-1].why
    assert read_channel_pointer(site.store, "images", parse_version("1.2.0")) == before


def test_a_repair_that_was_interrupted_goes_on_where_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataplatform.adapters.channel_files.folder import FolderFiles

    lock = site.publish(hours=4)
    lost = site.paths()[:6]
    site.lose(lost)
    put, count = FolderFiles.write, [0]

    def dies(self: FolderFiles, *args: object, **kwargs: object) -> None:
        count[0] += 1
        if count[0] > 3:
            raise KeyboardInterrupt
        put(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderFiles, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        mend(site, lock)
    monkeypatch.undo()
    left = [one for one in lost if not (site.lake / one).exists()]
    assert 0 < len(left) < 6
    assert sorted(mend(site, lock).fetched) == left


def test_a_place_that_cannot_be_reached_is_told_and_nothing_is_done(site: Site) -> None:
    lock = site.publish(hours=4)
    site.lake.rename(site.folder / "unmounted")
    found = plan(site, lock)
    assert found.actions == ()
    assert "there is no folder" in found.cannot[0].why


def test_only_files_in_the_storage_are_what_a_round_of_the_scrub_clears(site: Site) -> None:
    """After a repair the scrub has nothing to say."""
    lock = site.publish(hours=4)
    site.flip_bit(site.paths()[5])
    verify_bundle(site.ports, lock, now=site.now)
    mend(site, lock)
    from dataplatform.bundles.watch.scrub import scrub

    site.now += timedelta(hours=1)
    found = scrub(
        site.ports, [lock], settings=StorageSettings(verify_within=timedelta(0)), now=site.now
    )
    assert (found.files, found.damaged) == (24, ())
