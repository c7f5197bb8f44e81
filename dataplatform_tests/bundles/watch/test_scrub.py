"""The scrub: every flipped bit is found, in a known time, and forgotten when it is mended."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.adapters.channel_files.folder import FolderFiles
from dataplatform.bundles.watch.damage import read_damage
from dataplatform.bundles.watch.monitoring import StorageSettings
from dataplatform.bundles.watch.scrub import ScrubState, quota_of, read_scrub, scrub
from dataplatform.bundles.watch.storage import coverage, known_damage
from dataplatform.bundles.watch.verify import verify_bundle
from dataplatform.channels.ports import Hashed
from dataplatform_tests.bundles.watch.site import JUNE, Site
from opendata.wire.bundle import BundleLock, DataRange
from opendata.wire.errors import Denied, InvalidInput

HOURLY = StorageSettings(verify_within=timedelta(hours=24))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def rounds(site: Site, lock: BundleLock, looks: int, settings: StorageSettings = HOURLY) -> int:
    """Look once an hour; how many files were hashed."""
    hashed = 0
    for _ in range(looks):
        site.now += timedelta(hours=1)
        hashed += scrub(site.ports, [lock], settings=settings, now=site.now).files
    return hashed


@pytest.mark.requirement("S0-74", "S0-85", "S0-93")
def test_all_of_a_thousand_flipped_bits_are_found_in_one_round(site: Site) -> None:
    site.deliver(hours=20, per_hour=60, mirrored=False)
    lock = site.publish(20, site.spec(mirrors=[]))
    flipped = random.Random(1).sample(site.paths(), 1_000)
    for at, path in enumerate(flipped):
        site.flip_bit(path, at)
    assert rounds(site, lock, looks=24) == 1_200
    damage = read_damage(site.store, "images", "1.2.0").values()
    assert sorted(one.path for one in damage) == sorted(flipped)
    assert {one.kind for one in damage} == {"altered"}


@pytest.mark.requirement("S0-74")
def test_a_round_takes_the_time_that_is_set_and_sees_every_file_once(site: Site) -> None:
    site.deliver(hours=10)
    lock = site.publish(hours=10)
    rounds(site, lock, looks=23)
    state = read_scrub(site.store)
    assert (state.last_round_ended_at, state.round_files) != (None, 60)
    rounds(site, lock, looks=1)
    state = read_scrub(site.store)
    assert state.last_round_files == 60
    seen = coverage(site.ports, [lock], HOURLY, site.now)
    assert seen.passed
    assert seen.oldest_seconds is not None
    assert seen.oldest_seconds <= timedelta(hours=24).total_seconds()


def test_a_look_takes_no_more_than_it_may(site: Site) -> None:
    site.deliver(hours=10)
    lock = site.publish(hours=10)
    few = StorageSettings(verify_within=timedelta(hours=1), verify_files=7)
    assert rounds(site, lock, 1, few) == 7
    size = (site.lake / site.paths()[0]).stat().st_size
    small = StorageSettings(verify_within=timedelta(hours=1), verify_bytes=3 * size)
    assert rounds(site, lock, 1, small) == 3
    least = StorageSettings(verify_within=timedelta(hours=1), verify_bytes=1)
    assert rounds(site, lock, 1, least) == 1


@pytest.mark.parametrize("gap", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumps_neither_stops_the_scrub_nor_floods_the_storage(
    site: Site, gap: timedelta
) -> None:
    state = ScrubState(looked_at="2025-06-21T00:00:00Z")
    settings = StorageSettings(verify_within=timedelta(days=30))
    quota = quota_of(30_000, state, settings, JUNE + timedelta(days=20) + gap)
    assert 0 < quota <= 1_000


def test_two_bundles_of_the_same_index_hash_a_file_once(site: Site) -> None:
    site.deliver(hours=4)
    first = site.publish(hours=4)
    second = site.publish(hours=4, version="v1.0.0-2025.26")
    site.now += timedelta(hours=1)
    found = scrub(
        site.ports,
        [first, second],
        settings=StorageSettings(verify_within=timedelta(0)),
        now=site.now,
    )
    assert (found.files, found.total) == (24, 24)


def test_the_round_goes_on_where_it_was_when_a_bundle_is_gone(site: Site) -> None:
    site.deliver(hours=4)
    lock = site.publish(hours=4)
    rounds(site, lock, looks=3)
    other = site.publish(
        4,
        version="v1.0.0-2025.26",
        data_range=DataRange(start_time="2025-06-01T01:00:00Z", end_time="2025-06-01T02:59:59Z"),
    )
    assert rounds(site, other, looks=24) == 24
    assert read_scrub(site.store).last_round_files == 12


def test_an_index_that_cannot_be_read_is_skipped_and_the_round_goes_on(site: Site) -> None:
    site.deliver(hours=3, per_hour=5)
    broken = site.publish(hours=3)
    site.deliver(hours=1, first=3, per_hour=5)
    sound = site.publish(hours=4, version="v1.0.0-2025.26")
    index = broken.channels[0].index
    assert index != sound.channels[0].index
    site.store.delete(index)
    settings = StorageSettings(verify_within=timedelta(0))
    for _ in range(2):
        site.now += timedelta(hours=1)
        found = scrub(site.ports, [broken, sound], settings=settings, now=site.now)
        assert found.files == 20
        assert [one.startswith("images 1.2.0: ") for one in found.skipped] == [True]


def test_a_disk_that_is_not_mounted_has_lost_and_damaged_nothing(site: Site) -> None:
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    site.lake.rename(site.folder / "unmounted")
    site.now += timedelta(hours=1)
    found = scrub(
        site.ports, [lock], settings=StorageSettings(verify_within=timedelta(0)), now=site.now
    )
    assert (found.unknown, found.damaged) == (12, ())
    assert read_damage(site.store, "images", "1.2.0") == {}


def test_one_file_that_may_not_be_read_is_damaged_and_a_whole_place_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.deliver(hours=1)
    lock = site.publish(hours=1)
    readable, locked_up = FolderFiles.hash, {site.paths()[0]}

    def guarded(self: FolderFiles, path: str, head_bytes: int = 0) -> Hashed:
        if path in locked_up:
            raise Denied(f"{path} may not be read")
        return readable(self, path, head_bytes)

    monkeypatch.setattr(FolderFiles, "hash", guarded)  # the superuser may read everything
    verified = verify_bundle(site.ports, lock, now=site.now)
    assert [one.kind for one in verified.channels[0].damaged] == ["unreadable"]
    locked_up.update(site.paths())
    assert len(verify_bundle(site.ports, lock, now=site.now).channels[0].unknown) == 6


@pytest.mark.requirement("S0-85")
def test_verifying_names_what_is_damaged_and_what_is_gone_and_remembers_the_damage(
    site: Site,
) -> None:
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    bad, gone = site.paths()[3], site.paths()[7]
    site.flip_bit(bad)
    site.lose([gone])
    told: list[int] = []
    verified = verify_bundle(
        site.ports, lock, now=site.now, progress=lambda files, size: told.append(files)
    )
    assert not verified.passed
    assert (verified.files, sum(told)) == (12, 12)
    assert [(one.path, one.kind) for one in verified.channels[0].damaged] == [
        (bad, "altered"),
        (gone, "gone"),
    ]
    assert [one.path for one in read_damage(site.store, "images", "1.2.0").values()] == [bad]
    site.flip_bit(bad)  # back again
    verify_bundle(site.ports, lock, now=site.now)
    assert read_damage(site.store, "images", "1.2.0") == {}


@pytest.mark.requirement("S0-75")
def test_damage_that_a_correction_left_behind_is_nobody_s(site: Site) -> None:
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    bad = site.paths()[3]
    site.flip_bit(bad)
    verify_bundle(site.ports, lock, now=site.now)
    (damage,) = known_damage(site.ports, [lock])
    assert ([one.path for one in damage.files], damage.bundles) == ([bad], (str(lock.ref),))
    (site.lake / bad).write_bytes(b"delivered again")
    corrected = site.publish(hours=2, version="v1.0.0-2025.26")
    assert known_damage(site.ports, [corrected]) == ()
    (damage,) = known_damage(site.ports, [lock, corrected])
    assert damage.bundles == (str(lock.ref),)
    site.store.delete(lock.channels[0].index)
    (damage,) = known_damage(site.ports, [lock])  # what cannot be read hides nothing
    assert [one.path for one in damage.files] == [bad]


def test_only_the_range_and_the_channel_that_are_asked_for_are_verified(site: Site) -> None:
    site.deliver(hours=4)
    lock = site.publish(hours=2)
    assert verify_bundle(site.ports, lock, now=site.now, channel="images").files == 12
    with pytest.raises(InvalidInput, match="no channel 'lidar'"):
        verify_bundle(site.ports, lock, now=site.now, channel="lidar")


def test_samples_of_different_days_add_up(site: Site) -> None:
    site.deliver(hours=20)
    lock = site.publish(hours=20)
    for path in site.paths():
        site.flip_bit(path)
    first = verify_bundle(site.ports, lock, now=site.now, sample=0.2)
    assert 0 < first.files < 60
    again = verify_bundle(site.ports, lock, now=site.now, sample=0.2)
    assert again.channels[0].damaged == first.channels[0].damaged
    site.now += timedelta(days=1)
    verify_bundle(site.ports, lock, now=site.now, sample=0.2)
    assert len(read_damage(site.store, "images", "1.2.0")) > first.files
    with pytest.raises(InvalidInput, match="a sample of 0 is none"):
        verify_bundle(site.ports, lock, now=site.now, sample=0)


def test_a_bad_reading_alone_is_no_damage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.deliver(hours=1)
    lock = site.publish(hours=1)
    good, bad = FolderFiles.hash, ["once"]

    def flaky(self: FolderFiles, path: str, head_bytes: int = 0) -> Hashed:
        hashed = good(self, path, head_bytes)
        if bad:
            bad.pop()
            return dataclasses.replace(hashed, sha256="0" * 64)
        return hashed

    monkeypatch.setattr(FolderFiles, "hash", flaky)
    assert verify_bundle(site.ports, lock, now=site.now).passed
    assert bad == []
