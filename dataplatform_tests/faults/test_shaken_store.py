"""Three requests in ten fail, before and after their effect: operations succeed all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.shaky import BROKEN, LATE, LOST, REFUSED, SHORT, SLOW, ShakyStore
from dataplatform_tests.faults.shaking import begin_life
from opendata.stores import FolderStore, ObjectStore
from opendata.stores.memory import MemoryStore
from opendata.stores.patient_store import PatientStore
from opendata.stores.ranges import Pieces, Range
from opendata.wire.errors import Corrupt

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1")]
LIFE_OPERATIONS = 50
"""Of one data set: a life is read whole at its end."""
KINDS = {SLOW, REFUSED, BROKEN, LOST, LATE, SHORT}


def live(
    store: ObjectStore,
    folder: Path,
    seed: int,
    patient_store: type[PatientStore] = PatientStore,
    short: float | None = None,
) -> tuple[int, list[str], Counter[str]]:
    """One life under faults: its operations that succeeded, those that failed, and the faults."""
    time = VirtualTime()
    shaky = ShakyStore(store, time, seed=seed, short=short)
    life = begin_life(patient_store(shaky, time.patience(seed=seed)), store, folder, seed)
    life.live(LIFE_OPERATIONS)
    life.check()
    calls = shaky.count()
    assert sum(shaky.faults.values()) > 0.25 * calls, "this network was too good"
    return sum(life.done.values()), life.failed, shaky.faults


def test_of_two_hundred_operations_on_a_bad_network_none_fails(tmp_path: Path) -> None:
    succeeded, failed, faults = 0, list[str](), Counter[str]()
    for seed in range(4):
        store = MemoryStore() if seed % 2 else FolderStore(str(tmp_path / str(seed)))
        done, lost, suffered = live(store, tmp_path / f"scratch-{seed}", seed)
        succeeded, failed, faults = succeeded + done, failed + lost, faults + suffered
    assert (succeeded, failed) == (200, [])
    assert set(faults) == KINDS


class TakesShortAnswers(PatientStore):
    """A defect: what arrives short is taken for whole."""

    def get_ranges(self, key: str, ranges: Sequence[Range]) -> Pieces:
        return self._ask(lambda: self._inner.get_ranges(key, ranges))


class DropsTheRest(PatientStore):
    """A defect: a stream that breaks is taken for one that has ended."""

    def _rest(self, *_: object) -> Iterator[bytes]:
        return iter(())


class KeepsStreaming(PatientStore):
    """A defect: a stream that breaks is begun again, and its first pieces come twice."""

    def _rest(self, key: str, chunk_bytes: int, *_: object) -> Iterator[bytes]:
        return self.stream(key, chunk_bytes)


@pytest.mark.parametrize("defect", [TakesShortAnswers, DropsTheRest, KeepsStreaming])
def test_known_defects_would_be_found(tmp_path: Path, defect: type[PatientStore]) -> None:
    """Every answer to ranges comes short: with few of them it is up to threads, whose calls come in
    any order, whether one that matters does."""
    with pytest.raises((AssertionError, Corrupt)):
        live(MemoryStore(), tmp_path, 1, defect, short=1.0)


def live_impatiently(folder: Path, seed: int, operations: int) -> tuple[int, int]:
    """With four tries in place of twelve: how often it failed, and how often it had happened."""
    time, store = VirtualTime(), MemoryStore()
    shaky = ShakyStore(store, time, seed=seed, share=0.2, worst="*/latest.json")
    patient = PatientStore(shaky, time.patience(seed=seed, tries=4))
    life = begin_life(patient, store, folder, seed)
    life.let_all_land = shaky.let_all_land
    life.live(operations)
    life.check()
    assert sum(life.done.values()) + len(life.failed) == operations
    return len(life.failed), life.told_late


def test_what_is_reported_as_failed_happened_whole_or_not_at_all(tmp_path: Path) -> None:
    """When patience ends too early, most failures change nothing and the others are found out."""
    lives = [live_impatiently(tmp_path / str(seed), seed, operations=50) for seed in range(4)]
    assert sum(failed for failed, _ in lives) > 20


@pytest.mark.long
def test_what_is_reported_as_failed_never_half_happened(tmp_path: Path) -> None:
    lives = [live_impatiently(tmp_path / str(seed), seed, operations=50) for seed in range(40, 80)]
    failed, told_late = (sum(counts) for counts in zip(*lives, strict=True))
    assert failed > 200
    assert told_late > 0


@pytest.mark.long
def test_of_two_thousand_operations_on_a_bad_network_two_at_most_fail(tmp_path: Path) -> None:
    succeeded, failed = 0, list[str]()
    for seed in range(100, 140):
        store = MemoryStore() if seed % 2 else FolderStore(str(tmp_path / str(seed)))
        done, lost, _ = live(store, tmp_path / f"scratch-{seed}", seed)
        succeeded, failed = succeeded + done, failed + lost
    assert succeeded + len(failed) == 2000
    assert len(failed) <= 2, failed
