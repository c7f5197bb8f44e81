"""Defects that others were bitten by are planted here one by one; the suite's own checks fail.

Each check passes without its defect first, so that it is the defect which it fails on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase

from dataplatform_tests.fakes.stores import FaultyStore
from dataplatform_tests.faults.planted import defects
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.releases.freezing import FreezeProtocol
from dataplatform_tests.releases.protocol import ReleaseProtocol
from dataplatform_tests.releases.test_outcomes import (
    test_a_refusal_of_one_s_own_lost_swap_is_a_success as own_lost_swap_is_a_success,
)
from dataplatform_tests.releases.test_rollback_histories import as_it_is, play
from opendata.stores import ObjectStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import OpenDataError

pytestmark = pytest.mark.requirement("B1", "B2", "S4-8", "S4-53", "S4-54", "S4-55")

Seen = Callable[[ObjectStore], ObjectStore]
Planting = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Seen, Path], None]
HISTORIES = 60


def nothing(patch: pytest.MonkeyPatch) -> None:
    """Nothing takes any function's place."""


def of_releases(test: Callable[[ReleaseProtocol, Bench], None]) -> Check:
    """A check of the release protocol, on a store whose tokens are those of contents."""

    def check(seen_through: Seen, folder: Path) -> None:
        store = seen_through(defects.ContentTokens(MemoryStore()))
        sections = {"release": {"shard": "month"}, "contract": {"primary_key": ["day"]}}
        test(ReleaseProtocol(), make_bench(store, folder, time="day", **sections))

    return check


def of_freezes(test: Callable[[FreezeProtocol, Bench], None]) -> Check:
    """A check of freezing and withdrawing."""

    def check(seen_through: Seen, folder: Path) -> None:
        store = seen_through(MemoryStore())
        contract = {"primary_key": ["day"]}
        test(FreezeProtocol(), make_bench(store, folder, time="day", contract=contract))

    return check


def outcomes(seen_through: Seen, folder: Path) -> None:
    """A swap that happened and whose answer was lost."""
    store = FaultyStore(seen_through(MemoryStore()))
    bench = make_bench(store, folder, contract={"primary_key": ["day"]})
    bench.release(rates(0))
    bench.freeze(bench.stage(rates(1)))
    own_lost_swap_is_a_success(bench, store)


def histories(seen_through: Seen, folder: Path) -> None:
    """Histories against the model; the first broken promise will do, it need not be the least."""
    play(
        HISTORIES, 12, seen_through, derandomize=True, database=None, phases=[Phase.generate],
        report_multiple_bugs=False,
    )  # fmt: skip


DEFECTS: dict[str, tuple[Seen, Planting, Check]] = {
    "reversed write order": (defects.PointerFirst, nothing, histories),
    "blind 412": (as_it_is, defects.refuse_blindly, outcomes),
    "naive If-Match, seen by a stale writer": (
        as_it_is,
        defects.put_the_old_pointer_back,
        of_releases(
            ReleaseProtocol.test_a_stale_condition_fails_after_a_rollback_to_the_same_release
        ),
    ),
    "naive If-Match, seen in the pointer's bytes": (
        as_it_is, defects.put_the_old_pointer_back, histories,
    ),
    "a condition that is ignored": (
        defects.NoCondition,
        nothing,
        of_releases(
            ReleaseProtocol.test_a_writer_that_slept_through_publish_and_rollback_does_not_win
        ),
    ),
    "a swap that is sent until it works": (
        as_it_is,
        defects.swap_until_it_works,
        of_releases(
            ReleaseProtocol.test_a_writer_that_slept_through_publish_and_rollback_does_not_win
        ),
    ),
    "a hard freeze that is only recorded": (
        as_it_is,
        defects.forget_hard_freezes,
        of_freezes(FreezeProtocol.test_a_release_made_hard_early_gets_side_releases_only),
    ),
    "a hard freeze that histories get around": (as_it_is, defects.forget_hard_freezes, histories),
    "a window that only a schedule closes": (
        as_it_is,
        defects.harden_only_by_marks,
        of_freezes(
            FreezeProtocol.test_after_its_observation_a_release_gets_no_hot_fix_and_life_goes_on
        ),
    ),
    "every release a hot fix": (
        as_it_is,
        defects.call_everything_a_hot_fix,
        of_freezes(FreezeProtocol.test_rows_that_are_only_added_are_a_regular_release),
    ),
    "marks that are written over": (
        defects.LastMarkWins,
        nothing,
        of_freezes(FreezeProtocol.test_of_two_that_harden_at_once_the_first_one_s_mark_stands),
    ),
    "rollbacks that stay half done": (
        as_it_is,
        defects.leave_rollbacks_half_done,
        of_freezes(FreezeProtocol.test_repair_finishes_a_rollback_that_did_not_come_to_its_marks),
    ),
}  # fmt: skip


def test_the_histories_that_show_defects_hold_without_one(tmp_path: Path) -> None:
    histories(as_it_is, tmp_path)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_caught(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_through, plant, check = DEFECTS[name]
    if check is not histories:
        check(as_it_is, tmp_path / "sound")
    plant(monkeypatch)
    with pytest.raises((AssertionError, OpenDataError, pytest.fail.Exception)):
        check(seen_through, tmp_path / "planted")
