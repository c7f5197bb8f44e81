"""Clocks that are two days wrong: generations decide and times are only shown."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.adapters.signing.ed25519 import Ed25519Signer, create_key
from dataplatform.releases.derive import derive_copies, show_outcome
from dataplatform.releases.health import read_recorded_health, succeeded_outcome
from dataplatform.releases.publish import move_back, publish_release
from dataplatform.releases.repair import inspect
from dataplatform.releases.trace import RunReference
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.cache import Cache
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.listing import list_releases
from opendata.reading.shard import Access
from opendata.reading.signature import Trusted, verify_release
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore, ObjectStore, disk
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Conflict, Corrupt
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8")]
TRUE_TIME = datetime(2026, 1, 31, 6, tzinfo=UTC)
SKEW = timedelta(days=2)
V1 = parse_version("1.0.0")


def bench_with_clock(
    store: ObjectStore, folder: Path, skew: timedelta, signer: Ed25519Signer | None = None
) -> Bench:
    bench = make_bench(store, folder, signer=signer, contract={"primary_key": ["day"]})
    return replace(bench, ports=replace(bench.ports, now=FakeClock(TRUE_TIME + skew)))


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return MemoryStore() if request.param == "memory" else FolderStore(str(tmp_path / "store"))


@pytest.fixture
def ahead(store: ObjectStore, tmp_path: Path) -> Bench:
    return bench_with_clock(store, tmp_path / "ahead", SKEW)


@pytest.fixture
def behind(store: ObjectStore, tmp_path: Path) -> Bench:
    return bench_with_clock(store, tmp_path / "behind", -SKEW)


def test_publishers_whose_clocks_differ_by_days_make_one_linear_history(
    ahead: Bench, behind: Bench
) -> None:
    for value in range(6):
        (ahead, behind)[value % 2].release(rates(value))
        assert (behind, ahead)[value % 2].read().equals(rates(value))  # at once, for everybody
    history = list(walk_history(ahead.store, ahead.dataset))
    assert [commit.generation for commit in history] == [6, 5, 4, 3, 2, 1]
    times = [commit.updated_at for commit in history]
    assert times != sorted(times, reverse=True), "the clocks agreed, so nothing was tested"
    newest = list_releases(ahead.store, ahead.dataset)[0]
    assert (newest.release, newest.state) == ("1.0.5", "current")
    assert verify_dataset(ahead.store, Reference(ahead.dataset), None).passed
    assert not any(one.repairable for one in inspect(behind.ports, behind.dataset))


def test_the_catalogue_shows_the_highest_generation_and_not_the_latest_time(
    ahead: Bench, behind: Bench
) -> None:
    ahead.release(rates(1))
    behind.release(rates(2))
    derive_copies(ahead.ports, ahead.dataset)  # the one that is ahead of time looks once more
    entry = load_catalogue(ahead.store).datasets[0]
    assert (entry.generation, entry.release) == (2, "1.0.1")
    assert entry.updated_at < list(walk_history(ahead.store, ahead.dataset))[1].updated_at


def test_a_release_from_the_past_still_wins_the_race_that_it_won(
    ahead: Bench, behind: Bench
) -> None:
    ahead.release(rates(0))
    mine, theirs = ahead.freeze(ahead.stage(rates(1))), behind.freeze(behind.stage(rates(2)))
    publish_release(behind.ports, behind.dataset, theirs.release.version)
    with pytest.raises(Conflict) as lost:
        publish_release(ahead.ports, ahead.dataset, mine.release.version)
    assert lost.value.details["winner"]["release"] == str(theirs.release.version)
    assert ahead.read().equals(rates(2))


def test_a_rollback_by_the_clock_that_is_behind_holds(ahead: Bench, behind: Bench) -> None:
    ahead.release(rates(1))
    ahead.release(rates(2))
    back = move_back(behind.ports, behind.dataset, V1).pointer
    assert back.generation == 3
    assert back.updated_at < list(walk_history(ahead.store, ahead.dataset))[1].updated_at
    assert ahead.read().equals(rates(1))


def test_an_observation_window_is_noted_by_its_own_clock_and_closes_nothing(
    ahead: Bench, behind: Bench
) -> None:
    """A window that has long ended for one clock and not begun for the other stops nobody."""
    first = ahead.release(rates(1)).release.manifest.freeze
    assert first.observation_until is not None and first.observation_until > first.frozen_at
    second = behind.release(rates(2)).release.manifest.freeze
    assert second.frozen_at < first.frozen_at
    assert ahead.release(rates(3)).moved


def test_signatures_hold_whatever_the_clocks_say(store: ObjectStore, tmp_path: Path) -> None:
    signer = create_key(tmp_path / "key.pem")
    for value, skew in enumerate((SKEW, -SKEW)):
        bench = bench_with_clock(store, tmp_path / str(value), skew, signer)
        manifest = bench.release(rates(value)).release.manifest
        assert verify_release(manifest, signer.trust()) is Trusted.SIGNATURE


def test_the_last_run_that_was_recorded_counts_and_not_the_latest_time(
    ahead: Bench, behind: Bench
) -> None:
    ahead.release(rates(1))
    for number, bench in enumerate((ahead, behind)):
        run = RunReference(f"run-{number}", "tests")
        outcome = succeeded_outcome(run, bench.ports.now(), "1.0.0", published=False)
        show_outcome(bench.ports, bench.dataset, outcome)
    runs = read_recorded_health(ahead.store, ahead.dataset).runs
    assert [run.run_id for run in runs] == ["run-1", "run-0"]
    assert runs[0].at < runs[1].at


# --- files whose times are wrong -----------------------------------------------------------


@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_a_folder_s_versions_differ_whatever_time_its_files_have(
    tmp_path: Path, skew: timedelta
) -> None:
    store = FolderStore(str(tmp_path))
    tokens = [store.put_new("k", b"1")]
    for _ in range(3):
        shifted = (datetime.now(UTC) + skew).timestamp()
        os.utime(tmp_path / "k", (shifted, shifted))
        tokens.append(store.get("k").token)
        tokens.append(store.put_if_match("k", b"1", tokens[-1]))
    assert len(set(tokens)) == len(tokens)


def test_a_living_writer_s_file_is_not_swept_away_by_a_clock_that_is_ahead(
    tmp_path: Path,
) -> None:
    with disk.staged_file(str(tmp_path), b"in progress") as (path, _):
        long_ago = (datetime.now(UTC) - SKEW).timestamp()
        os.utime(path, (long_ago, long_ago))
        disk.remove_abandoned(str(tmp_path))
        assert Path(path).read_bytes() == b"in progress"


@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_a_cache_believes_no_time_but_looks_at_the_bytes(tmp_path: Path, skew: timedelta) -> None:
    """A file that was altered while a clock was wrong is hashed again, not believed."""
    folder = FolderStore(str(tmp_path / "released"))
    bench = bench_with_clock(folder, tmp_path, timedelta())
    release = bench.release(rates(*range(30))).release
    cache = Cache(str(tmp_path / "cache"))
    path = _shifted(folder, release.manifest.files[0].path, skew)
    access = Access(folder, cache, ReadStats())
    assert read_table(access, release.manifest).equals(rates(*range(30)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    _shifted(folder, release.manifest.files[0].path, skew + timedelta(seconds=1))
    with pytest.raises(Corrupt, match="is corrupt: its sha256 is"):
        read_table(access, release.manifest)


def _shifted(store: FolderStore, key: str, skew: timedelta) -> Path:
    path = store.local_path(key)
    assert path is not None
    shifted = (datetime.now(UTC) + skew).timestamp()
    os.utime(path, (shifted, shifted))
    return Path(path)
