"""What a release's own freeze, a mark and the clock make of it, and the names that marks have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.errors import Corrupt
from opendata.wire.manifest import Freeze
from opendata.wire.marks import (
    Cause,
    FreezeState,
    Mark,
    freeze_state,
    new_mark,
    read_mark_bytes,
    yank_mark_name,
)
from opendata.wire.times import format_instant

pytestmark = pytest.mark.requirement("S4-53", "S4-54", "B2")

FROZEN = datetime(2026, 1, 31, 6, tzinfo=UTC)
WEEK = timedelta(days=7)
FROZEN_AT, UNTIL = format_instant(FROZEN), format_instant(FROZEN + WEEK)
EARLY_AT = format_instant(FROZEN + timedelta(days=1))

SOFT = Freeze(tag="1.0.0", mode="soft", frozen_at=FROZEN_AT, observation_until=UNTIL)
DECLARED = Freeze(tag="1.0.0", mode="hard", frozen_at=FROZEN_AT)
NO_WINDOW = Freeze(tag="1.0.0", mode="soft", frozen_at=FROZEN_AT)


def hard(cause: Cause, at: datetime = FROZEN + timedelta(days=1)) -> Mark:
    release = ("ns/name", "1.0.0", "0" * 64)
    return new_mark(release, "hard", at=at, by="tests", generation=1, cause=cause)


@pytest.mark.parametrize(
    ("freeze", "mark", "days_later", "expected", "closes_line"),
    [
        (SOFT, None, 0, FreezeState("soft", until=UNTIL), False),
        (SOFT, None, 6.99, FreezeState("soft", until=UNTIL), False),
        (SOFT, None, 7, FreezeState("hard", "window", UNTIL, UNTIL), False),
        (
            SOFT,
            hard("window", FROZEN + WEEK),
            8,
            FreezeState("hard", "window", UNTIL, UNTIL),
            False,
        ),
        # a clock that went back does not make it soft again
        (
            SOFT,
            hard("window", FROZEN + WEEK),
            1,
            FreezeState("hard", "window", UNTIL, UNTIL),
            False,
        ),
        (SOFT, hard("early"), 2, FreezeState("hard", "early", EARLY_AT, UNTIL), True),
        (SOFT, hard("early"), 99, FreezeState("hard", "early", EARLY_AT, UNTIL), True),
        (DECLARED, None, 0, FreezeState("hard", "declared", FROZEN_AT), True),
        (DECLARED, hard("declared"), 99, FreezeState("hard", "declared", FROZEN_AT), True),
        (NO_WINDOW, None, 0, FreezeState("hard", "window", FROZEN_AT, FROZEN_AT), False),
    ],
)
def test_a_release_is_soft_until_its_time_is_over_or_somebody_says_so(
    freeze: Freeze, mark: Mark | None, days_later: float, expected: FreezeState, closes_line: bool
) -> None:
    state = freeze_state(freeze, mark, FROZEN + timedelta(days=days_later))
    assert state == expected
    assert state.closes_line is closes_line


@given(st.floats(0, 1000), st.floats(0, 1000), st.sampled_from([None, "early", "window"]))
def test_once_hard_a_release_stays_hard(first: float, later: float, cause: Cause | None) -> None:
    mark = hard(cause) if cause else None
    before = freeze_state(SOFT, mark, FROZEN + timedelta(days=first))
    after = freeze_state(SOFT, mark, FROZEN + timedelta(days=first + later))
    if before.mode == "hard":
        assert after == before


def test_a_state_tells_when() -> None:
    assert str(freeze_state(SOFT, None, FROZEN)) == f"soft until {UNTIL}"
    assert str(freeze_state(DECLARED, None, FROZEN)) == f"hard since {FROZEN_AT}"


def test_withdrawals_and_their_liftings_have_names_of_their_own() -> None:
    names = [yank_mark_name(turn // 2, "unyank" if turn % 2 else "yank") for turn in range(5)]
    assert names == ["yank", "unyank", "yank-2", "unyank-2", "yank-3"]


def test_a_mark_of_another_format_is_refused() -> None:
    data = hard("early").to_bytes().replace(b"opendata-mark/1", b"opendata-mark/9")
    with pytest.raises(Corrupt, match="opendata-mark/9"):
        read_mark_bytes(data, "a mark")
