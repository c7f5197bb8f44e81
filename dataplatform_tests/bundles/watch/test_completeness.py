"""Completeness: declared against indexed against there and intact, by hour."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.bundles.watch.completeness import measure_completeness
from dataplatform.bundles.watch.damage import DamagedFile, note_damage
from dataplatform.bundles.watch.measured import ChannelCompleteness
from dataplatform.bundles.watch.monitoring import parse_monitoring
from dataplatform.bundles.watch.verify import verify_bundle
from dataplatform_tests.bundles.watch.site import JUNE, Site
from opendata.reading.cache import Cache
from opendata.reading.file_index import index
from opendata.reading.file_index.opened import Opened
from opendata.wire.bundle import BundleLock, DataRange
from opendata.wire.errors import Corrupt


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def measure(site: Site, lock: BundleLock, yaml: str = "monitoring: {}") -> ChannelCompleteness:
    measured = measure_completeness(
        site.ports,
        lock,
        now=site.now,
        monitoring=parse_monitoring(yaml),
        specs=site.find_spec,
    )
    (channel,) = measured.channels
    assert measured.passed == channel.passed
    return channel


@pytest.mark.requirement("S0-67", "S0-69", "S0-85")
def test_a_bundle_with_all_its_files_is_complete(site: Site) -> None:
    site.deliver(hours=24)
    found = measure(site, site.publish(hours=24))
    assert (found.expected, found.intact, found.ratio, found.passed) == (144, 144, 1.0, True)
    assert found.basis == "cadence"


@pytest.mark.requirement("S0-68", "S0-69")
def test_lost_files_are_named_and_counted_in_their_hours(site: Site) -> None:
    site.deliver(hours=24)
    lock = site.publish(hours=24)
    gone = ["2025/06/01/03/img_001.jpg", "2025/06/01/03/img_004.jpg"]
    site.lose(gone)
    (site.lake / "2025/06/01/07/img_000.jpg").write_bytes(b"cut")
    found = measure(site, lock)
    assert [one.path for one in found.lost] == [*gone, "2025/06/01/07/img_000.jpg"]
    assert [one.cause for one in found.lost][-1].startswith("it has 3 bytes, the index says")
    assert (found.complete, found.missing) == (141, 3)
    assert not found.passed
    assert found.spans is not None
    assert [(one.start, one.missing) for one in found.spans.short()] == [
        ("2025-06-01T03:00:00Z", 2),
        ("2025-06-01T07:00:00Z", 1),
    ]


def test_files_that_never_arrived_are_missing_although_the_index_is_whole(site: Site) -> None:
    site.deliver(hours=12)
    found = measure(site, site.publish(hours=24))
    assert (found.indexed, found.present, found.expected) == (72, 72, 144)
    assert found.ratio == 0.5
    assert found.lost == ()


def test_more_in_one_hour_does_not_make_up_for_less_in_another(site: Site) -> None:
    site.deliver(hours=1, per_hour=12)
    found = measure(site, site.publish(hours=2))
    assert (found.intact, found.complete, found.expected) == (12, 6, 12)


@pytest.mark.parametrize(
    ("lost", "passes"), [(0, True), (1, True), (2, False)], ids=["100 %", "99.31 %", "98.61 %"]
)
@pytest.mark.requirement("S0-69")
def test_the_line_is_at_99_percent(site: Site, lost: int, passes: bool) -> None:
    site.deliver(hours=24)
    lock = site.publish(hours=24)
    site.lose(site.paths()[:lost])
    assert measure(site, lock).passed is passes


def test_a_channel_may_have_a_threshold_of_its_own(site: Site) -> None:
    site.deliver(hours=12)
    yaml = "monitoring: {bundle_completeness: {channels: {images: {alert_threshold: 0.5}}}}"
    assert measure(site, site.publish(hours=24), yaml).passed


def test_what_nobody_declared_is_unknown_and_not_100_percent(site: Site) -> None:
    site.deliver(hours=24)
    lock = site.publish(24, site.spec(expected=None))
    found = measure(site, lock)
    assert (found.ratio, found.expected, found.basis) == (None, None, "unknown")
    assert "declares no `expected`" in str(found.reason)
    assert found.passed
    site.lose(site.paths()[:1])
    assert not measure(site, lock).passed


def test_a_cadence_over_a_range_without_an_end_is_unknown(site: Site) -> None:
    site.deliver(hours=2)
    found = measure(site, site.publish(2, data_range=DataRange(start_time="2025-06-01T00:00:00Z")))
    assert found.ratio is None
    assert "has no end" in str(found.reason)


def test_a_count_in_all_is_about_the_channel_as_a_whole(site: Site) -> None:
    site.deliver(hours=24)
    lock = site.publish(12, site.spec(expected={"count": 150}))
    found = measure(site, lock)
    assert (found.expected, found.complete, found.basis) == (150, 144, "count")
    assert found.ratio == 0.96


def test_a_damaged_file_does_not_count(site: Site) -> None:
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    path = site.paths()[4]
    entry = DamagedFile(
        path=path, expected=f"sha256:{site.digest(path)}", kind="altered", found_at="x"
    )
    stale = DamagedFile(path=site.paths()[5], expected="sha256:0", kind="altered", found_at="x")
    note_damage(site.store, "images", "1.2.0", found=[entry, stale])
    found = measure(site, lock)
    assert (found.damaged, found.present, found.intact) == ((path,), 12, 11)


def test_a_place_that_is_gone_makes_it_unmeasured_and_loses_no_file(site: Site) -> None:
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    site.lake.rename(site.folder / "unmounted")
    found = measure(site, lock)
    assert "there is no folder" in str(found.problem)
    assert (found.ratio, found.lost, found.passed) == (None, (), False)


def test_an_index_that_was_altered_makes_it_unmeasured(site: Site) -> None:
    site.deliver(hours=2, per_hour=7)  # an index that no other test has opened
    lock = site.publish(hours=2)
    site.store.put(lock.channels[0].index, b"other bytes")
    assert measure(site, lock).problem is not None


def test_nothing_is_expected_after_now(site: Site) -> None:
    site.deliver(hours=3)
    lock = site.publish(hours=24)
    site.now = JUNE + timedelta(hours=3)
    found = measure(site, lock)
    assert (found.expected, found.ratio) == (18, 1.0)


def test_a_channel_without_files_is_complete_only_if_none_is_expected(site: Site) -> None:
    site.lake.mkdir()
    lock = site.publish(hours=1)
    assert measure(site, lock).ratio == 0.0
    site.specs = site.spec(expected={"count": 0})
    assert measure(site, lock).ratio == 1.0


@pytest.mark.requirement("S0-89")
def test_an_index_is_fetched_once_on_a_machine_and_missed_when_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path)
    site.ports = dataclasses.replace(site.ports, cache=Cache(str(tmp_path / "cache")))
    site.deliver(hours=2)
    lock = site.publish(hours=2)
    [one] = lock.channels

    def problem() -> str | None:
        """What a process that knows nothing yet says of the channel."""
        monkeypatch.setattr(index, "_opened", Opened())
        measured = measure_completeness(site.ports, lock, now=site.now, specs=site.find_spec)
        return measured.channels[0].problem

    assert problem() is None
    site.store.put(one.index, b"x" * one.index_bytes)
    assert problem() is None  # it is not read again
    monkeypatch.setattr(index, "_opened", Opened())
    with pytest.raises(Corrupt, match="objects/sha256"):  # to verify is to read what readers get
        verify_bundle(site.ports, lock, now=site.now)
    site.store.put(one.index, b"x")
    assert "it has 1 bytes" in str(problem())
    site.store.delete(one.index)
    assert "is gone from the store" in str(problem())
