"""Killed anywhere, a patch has happened or has not, and asking again finishes it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from dataplatform.releases.chain import NothingNew
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash
from dataplatform_tests.faults.killing import SECTIONS, Place, kill_myself, publish_value, run
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.releases.patching import patchable, prepared, release, upsert
from opendata.stores import ObjectStore
from opendata.stores.memory import MemoryStore

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-38")]
KILLED = -9
WRITES = 24
FEBRUARY = [upsert("2026-02-03", rate=-1.0), upsert("2026-01-02", rate=-1.0)]


def _patch(bench: Bench) -> bool:
    """Whether the patch was new."""
    return not isinstance(release(bench, prepared(bench, FEBRUARY)), NothingNew)


def _corrected(bench: Bench) -> int:
    rows = bench.read()
    assert rows.num_rows == 40
    return sum(value == -1.0 for value in rows["rate"].to_pylist())


def _patch_until_write(place: Place, at_write: int) -> None:
    store = CrashingStore(place.open(), at_write, after=True, die=kill_myself)
    _patch(patchable(place.bench(store)))


def _published(store: ObjectStore, folder: Path) -> Bench:
    bench = patchable(make_bench(store, folder, **SECTIONS))
    bench.release(rates(*[1.0] * 40))
    return bench


def test_crashed_at_any_write_a_patch_is_whole_or_has_not_happened(tmp_path: Path) -> None:
    """Shards are stored on several threads, so which write is the n-th differs from run to run."""
    crashes = 0
    for at_write in range(1, WRITES + 1):
        bench = _published(MemoryStore(), tmp_path / str(at_write))
        store = CrashingStore(bench.store, at_write)
        with contextlib.suppress(SimulatedCrash):
            _patch(bench.on(store))
        crashes += store.crashed
        assert _corrected(bench) in (0, 2), "half a patch is visible"
        _patch(bench)
        assert _corrected(bench) == 2
        assert str(bench.current.version) == "1.0.1", "the number was taken twice"
    assert crashes > WRITES // 2


@pytest.mark.parametrize("at_write", [14])
def test_killed_in_a_folder_it_is_finished_by_the_next_attempt(
    tmp_path: Path, at_write: int
) -> None:
    place = Place(str(tmp_path / "store"), str(tmp_path))
    publish_value(place, place.open(), 1)
    assert run(_patch_until_write, place, at_write) == KILLED
    bench = patchable(place.bench())
    assert _corrected(bench) in (0, 2)
    _patch(bench)
    assert _corrected(bench) == 2
    shutil.rmtree(tmp_path / "store")
