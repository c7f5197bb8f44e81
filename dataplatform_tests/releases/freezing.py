"""Freezing, hardening and withdrawing as tests: one suite for every store that releases live in.

A test module subclasses `FreezeProtocol` and provides the fixture `store`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.releases.candidate import read_candidate, stage_candidate
from dataplatform.releases.derive import shown_generation
from dataplatform.releases.freeze import Frozen, freeze_candidate
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.harden import harden, harden_due
from dataplatform.releases.publish import move_back, publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform.releases.rollback import look_ahead, roll_back
from dataplatform.releases.validate import validate_candidate
from dataplatform.releases.yank import settle_yanks, yank
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.fakes.stores import FaultyStore, Pause, WatchedStore
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from dataplatform_tests.releases.waiting import in_background
from opendata.reading.history import walk_history
from opendata.reading.listing import list_releases
from opendata.reading.marks import find_mark, standing_yank, yank_marks
from opendata.reading.resolve import read_release, resolve
from opendata.stores import ObjectStore
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.errors import Conflict, InvalidInput, NotFound, Rejected
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version

V1, V2, V3, V4 = (parse_version(f"1.0.{patch}") for patch in range(4))
MINOR = parse_version("1.1.0")
BY = "tests"
WEEK = timedelta(days=7)


def pass_time(bench: Bench, time: timedelta) -> None:
    clock = bench.ports.now
    assert isinstance(clock, FakeClock)
    clock.now_at += time


def states(bench: Bench) -> dict[str, tuple[str, str]]:
    """Each release's state and freeze."""
    listed = list_releases(bench.store, bench.dataset, bench.ports.now())
    return {one.release: (one.state, one.freeze) for one in listed}


def kinds(bench: Bench) -> list[str]:
    """How the pointer was moved, newest first."""
    return [commit.kind for commit in walk_history(bench.store, bench.dataset)]


class FreezeProtocol:
    """Hot fixes, hard freezes, rollbacks that withdraw: what holds on every store."""

    @pytest.fixture
    def bench(self, store: ObjectStore, tmp_path: Path) -> Bench:
        return make_bench(store, tmp_path, time="day", contract={"primary_key": ["day"]})

    # --- soft: under observation ---------------------------------------------------

    @pytest.mark.requirement("S4-52", "S4-54", "S4-8", "B2")
    def test_a_correction_under_observation_is_a_hot_fix_with_a_tag_of_its_own(
        self, bench: Bench
    ) -> None:
        first = bench.release(rates(1, 2)).release
        fixed = bench.release(rates(1, 3))
        assert (fixed.pointer.kind, fixed.pointer.release) == ("hotfix", "1.0.1")
        assert fixed.release.manifest.freeze.tag == "1.0.1"
        assert fixed.release.manifest.files[0].path != first.manifest.files[0].path
        assert read_release(bench.store, bench.dataset, V1) == first
        assert bench.read(first).equals(rates(1, 2))

    @pytest.mark.requirement("S4-54")
    def test_rows_that_are_only_added_are_a_regular_release(self, bench: Bench) -> None:
        bench.release(rates(1))
        assert bench.release(rates(1, 2)).pointer.kind == "publish"

    @pytest.mark.requirement("S4-54", "S4-95")
    def test_after_its_observation_a_release_gets_no_hot_fix_and_life_goes_on(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        pass_time(bench, WEEK)
        assert states(bench) == {"1.0.0": ("current", "hard")}
        corrected = bench.release(rates(2)).pointer
        assert (corrected.kind, corrected.release) == ("publish", "1.0.1")

    # --- hard ------------------------------------------------------------------------

    @pytest.mark.requirement("S4-53", "S4-8", "B2")
    def test_a_release_made_hard_early_gets_side_releases_only(self, bench: Bench) -> None:
        first = bench.release(rates(1)).release
        done = harden(bench.ports, bench.dataset, V1, by=BY, reason="cited in a paper")
        assert (done.before.mode, done.after.cause, done.wrote) == ("soft", "early", True)
        side = bench.release(rates(2)).pointer
        assert (side.kind, side.release) == ("publish", "1.1.0")
        assert read_release(bench.store, bench.dataset, V1) == first
        assert bench.release(rates(3)).pointer.release == "1.1.1"  # the new line is open

    @pytest.mark.requirement("S4-53", "B2")
    def test_a_line_that_was_closed_early_stays_closed_when_the_observation_is_over(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        harden(bench.ports, bench.dataset, V1, by=BY)
        pass_time(bench, 2 * WEEK)
        assert bench.release(rates(2)).pointer.release == "1.1.0"

    @pytest.mark.requirement("S4-53", "B2")
    def test_a_data_set_that_declares_hard_freezes_gives_each_release_a_line(
        self, bench: Bench
    ) -> None:
        hard = bench.declared(
            time="day", contract={"primary_key": ["day"]}, release={"freeze": "hard"}
        )
        released = [hard.release(rates(value)).pointer for value in range(3)]
        assert [pointer.release for pointer in released] == ["1.0.0", "1.1.0", "1.2.0"]
        assert {pointer.kind for pointer in released} == {"publish"}

    @pytest.mark.requirement("S4-53", "B2")
    def test_what_was_frozen_before_its_line_was_closed_is_not_published(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        waiting = bench.freeze(bench.stage(rates(2))).release
        harden(bench.ports, bench.dataset, V1, by=BY)
        with pytest.raises(Rejected) as refused:
            publish_release(bench.ports, bench.dataset, waiting.version)
        assert refused.value.code == "line_closed"
        assert bench.current.version == V1
        assert bench.publish(rates(2)).pointer.release == "1.1.0"

    @pytest.mark.requirement("S4-53")
    def test_hardening_again_changes_nothing(self, bench: Bench) -> None:
        bench.release(rates(1))
        harden(bench.ports, bench.dataset, V1, by="first")
        key = keys.mark_key(bench.dataset, V1, "hard")
        written = bench.store.get(key).data
        again = harden(bench.ports, bench.dataset, V1, by="second", reason="another")
        assert (again.wrote, again.before) == (False, again.after)
        assert bench.store.get(key).data == written

    def test_of_two_that_harden_at_once_the_first_one_s_mark_stands(self, bench: Bench) -> None:
        bench.release(rates(1))
        pause = Pause("put_new", key="*.hard.json")
        slow = bench.on(FaultyStore(bench.store, [pause]))
        with in_background(lambda: harden(slow.ports, bench.dataset, V1, by="slow")) as outcome:
            pause.await_call()
            harden(bench.ports, bench.dataset, V1, by="fast")
            pause.release()
        mark = find_mark(bench.store, bench.dataset, V1, "hard")
        assert mark is not None and mark.by == "fast"
        assert outcome.value.wrote is False
        assert outcome.value.after.since == mark.at

    def test_a_rehearsal_hardens_nothing(self, bench: Bench) -> None:
        bench.release(rates(1))
        ahead = harden(bench.ports, bench.dataset, V1, by=BY, dry_run=True)
        assert (ahead.after.cause, ahead.wrote) == ("early", False)
        assert find_mark(bench.store, bench.dataset, V1, "hard") is None

    def test_what_does_not_exist_cannot_be_hardened(self, bench: Bench) -> None:
        bench.release(rates(1))
        with pytest.raises(NotFound):
            harden(bench.ports, bench.dataset, V4, by=BY)

    @pytest.mark.requirement("S4-53", "S4-54")
    def test_what_is_due_is_marked_once_and_only_what_is_open_is_read_again(
        self, bench: Bench
    ) -> None:
        for value in range(3):
            bench.release(rates(value))
        assert harden_due(bench.ports, bench.dataset, by=BY) == []
        pass_time(bench, WEEK)
        bench.release(rates(9))
        assert harden_due(bench.ports, bench.dataset, by=BY, dry_run=True) == [V1, V2, V3]
        assert harden_due(bench.ports, bench.dataset, by=BY) == [V1, V2, V3]
        watched = WatchedStore(bench.store)
        assert harden_due(bench.on(watched).ports, bench.dataset, by=BY) == []
        assert watched.count("list") == 2
        assert watched.count("get") == 1  # the one that is still observed
        assert watched.count("put*") == 0

    # --- rolling back and withdrawing ------------------------------------------------

    @pytest.mark.requirement("S4-55", "B2")
    def test_a_rollback_withdraws_what_was_published_after_its_target(self, bench: Bench) -> None:
        for value in range(3):
            bench.release(rates(value))
        ahead = look_ahead(bench.ports, bench.dataset, V1, by=BY)
        done = roll_back(bench.ports, bench.dataset, V1, by=BY, reason="both are wrong")
        assert ahead.yanked == done.yanked == ("1.0.1", "1.0.2")
        assert {version: state for version, (state, _) in states(bench).items()} == {
            "1.0.0": "current", "1.0.1": "yanked", "1.0.2": "yanked",
        }  # fmt: skip
        mark = standing_yank(yank_marks(bench.store, bench.dataset, V3))
        assert mark is not None
        assert (mark.by, mark.reason, mark.moved_to) == (BY, "both are wrong", "1.0.0")
        assert mark.manifest_sha256 == read_release(bench.store, bench.dataset, V3).stored_sha256
        pinned = resolve(bench.store, Reference(bench.dataset, V3))
        assert bench.read(pinned).equals(rates(2))
        assert bench.read().equals(rates(0))

    @pytest.mark.requirement("S4-55")
    def test_rolling_forward_lifts_the_withdrawal_of_what_readers_get_again(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        for turn in range(2):
            roll_back(bench.ports, bench.dataset, V1, by=BY)
            assert states(bench)["1.0.1"][0] == "yanked"
            forward = roll_back(bench.ports, bench.dataset, V2, by=BY)
            assert forward.yanked == ()  # 1.0.0 was published before it
            assert kinds(bench)[0] == "rollback"
            marks = yank_marks(bench.store, bench.dataset, V2)
            assert [mark.mark for mark in marks] == ["yank", "unyank"] * (turn + 1)
        bench.release(rates(3))
        assert states(bench)["1.0.1"][0] == "published"

    @pytest.mark.requirement("S4-55")
    def test_asking_again_for_a_rollback_writes_nothing(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        roll_back(bench.ports, bench.dataset, V1, by=BY)
        watched = WatchedStore(bench.store)
        again = roll_back(bench.on(watched).ports, bench.dataset, V1, by=BY)
        assert (again.moved, again.generation) == (False, 3)
        assert watched.count("put*") == 0

    def test_a_rollback_on_a_closed_line_leads_to_a_side_release(self, bench: Bench) -> None:
        bench.release(rates(1))
        harden(bench.ports, bench.dataset, V1, by=BY)
        assert bench.release(rates(2)).pointer.release == "1.1.0"
        roll_back(bench.ports, bench.dataset, V1, by=BY)
        assert bench.release(rates(3)).pointer.release == "1.1.1"  # 1.1.0 stays taken

    @pytest.mark.requirement("S4-53", "B2")
    def test_a_line_stays_closed_when_readers_went_back_before_it(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        harden(bench.ports, bench.dataset, V2, by=BY)
        roll_back(bench.ports, bench.dataset, V1, by=BY)
        assert bench.release(rates(3)).pointer.release == "1.1.0"

    @pytest.mark.requirement("S4-55")
    def test_copies_that_an_interrupted_rollback_left_behind_are_made_by_asking_again(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        move_back(bench.ports, bench.dataset, V1)
        settle_yanks(bench.ports, bench.dataset, by=BY)  # and then it was killed
        assert shown_generation(bench.store, bench.dataset) == 2
        again = roll_back(bench.ports, bench.dataset, V1, by=BY)
        assert (again.moved, again.behind) == (False, None)
        assert shown_generation(bench.store, bench.dataset) == 3

    @pytest.mark.requirement("S4-8", "S4-16")
    def test_a_part_that_took_rows_over_does_not_undo_what_was_published_since(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        built_on = bench.current.pointer.generation if bench.current.pointer else 0
        whole = read_candidate(bench.store, bench.dataset, bench.stage(rates(1, 2)))
        part = stage_candidate(bench.store, replace(whole, asked={"start": "2024-01-02"}))
        validate_candidate(bench.ports, bench.dataset, part)
        gate_candidate(bench.ports, bench.dataset, part)
        bench.release(rates(7))
        with pytest.raises(Conflict, match="pointer has moved") as moved:
            freeze_candidate(bench.ports, bench.dataset, part, RUN, built_on=built_on)
        assert moved.value.code == "base_moved"
        fresh = freeze_candidate(bench.ports, bench.dataset, part, RUN, built_on=built_on + 1)
        assert isinstance(fresh, Frozen)

    @pytest.mark.requirement("S4-55")
    def test_who_loses_the_race_withdraws_nothing(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        pause = Pause("put_if_match", key="*/latest.json")
        slow = bench.on(FaultyStore(bench.store, [pause]))
        with in_background(lambda: roll_back(slow.ports, bench.dataset, V1, by=BY)) as outcome:
            pause.await_call()
            bench.release(rates(3))
            pause.release()
        assert outcome.error is not None
        assert bench.current.version == V3
        assert {state for state, _ in states(bench).values()} == {"current", "published"}

    @pytest.mark.requirement("S4-55")
    def test_marks_that_come_late_do_not_withdraw_what_readers_got_again_meanwhile(
        self, bench: Bench
    ) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        pause = Pause("put_new", key="*.yank.json")
        slow = bench.on(FaultyStore(bench.store, [pause]))
        with in_background(lambda: roll_back(slow.ports, bench.dataset, V1, by="slow")) as outcome:
            pause.await_call()
            roll_back(bench.ports, bench.dataset, V2, by="fast")
            pause.release()
        assert outcome.error is None
        assert bench.current.version == V2
        assert standing_yank(yank_marks(bench.store, bench.dataset, V2)) is None

    @pytest.mark.requirement("S4-55")
    def test_repair_finishes_a_rollback_that_did_not_come_to_its_marks(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        move_back(bench.ports, bench.dataset, V1)  # and killed before anything else
        found = {one.object for one in inspect(bench.ports, bench.dataset) if one.repairable}
        assert keys.mark_key(bench.dataset, V2, "yank") in found
        repair(bench.ports, bench.dataset)
        assert states(bench)["1.0.1"][0] == "yanked"
        assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))

    def test_repair_leaves_what_people_decided_since(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        roll_back(bench.ports, bench.dataset, V1, by=BY)
        assert yank(bench.ports, bench.dataset, V2, by="somebody", lift=True)
        assert repair(bench.ports, bench.dataset) == []
        assert states(bench)["1.0.1"][0] == "published"

    def test_an_older_release_is_withdrawn_by_hand_and_offered_again(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        assert yank(bench.ports, bench.dataset, V1, by=BY, reason="wrong unit", dry_run=True)
        assert states(bench)["1.0.0"][0] == "published"
        assert yank(bench.ports, bench.dataset, V1, by=BY, reason="wrong unit")
        assert not yank(bench.ports, bench.dataset, V1, by=BY)
        assert states(bench)["1.0.0"][0] == "yanked"
        assert yank(bench.ports, bench.dataset, V1, by=BY, lift=True)
        assert not yank(bench.ports, bench.dataset, V1, by=BY, lift=True)
        assert states(bench)["1.0.0"][0] == "published"
        assert repair(bench.ports, bench.dataset) == []

    def test_what_readers_get_or_never_got_cannot_be_withdrawn(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.freeze(bench.stage(rates(2)))
        for version, code in ((V1, "is_current"), (V2, "never_published")):
            with pytest.raises(Rejected) as refused:
                yank(bench.ports, bench.dataset, version, by=BY)
            assert refused.value.code == code

    def test_a_reason_that_is_a_book_is_refused_before_anything_moves(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.release(rates(2))
        with pytest.raises(InvalidInput, match="at most 1000 characters"):
            roll_back(bench.ports, bench.dataset, V1, by=BY, reason="why " * 1000)
        assert kinds(bench) == ["hotfix", "publish"]
