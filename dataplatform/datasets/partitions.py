"""Partitions: the parts of time in which a data set can be asked for, one per shard. Pure.

Here belong which data sets have partitions, what these are called, and which moments each covers.
Names are those of the shards, so that one month is the same word in a release, in Dagster and on a
command line. That Dagster draws a grid of them is Dagster's matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from dataplatform.contracts.model import Shard
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.moments import parse_start
from opendata.wire.errors import InvalidInput

#: Where partitions begin if neither `release.since` nor a release tells it.
DEFAULT_SINCE: Final = date(2000, 1, 1)
RANGE: Final = ".."

#: How a partition of each kind is written, as `strftime` takes it.
FORMATS: Final = {Shard.YEAR: "%Y", Shard.MONTH: "%Y-%m", Shard.DAY: "%Y-%m-%d"}
_PATTERNS: Final = {
    Shard.YEAR: re.compile(r"[0-9]{4}", re.ASCII),
    Shard.MONTH: re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII),
    Shard.DAY: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII),
}
_EXAMPLES: Final = {
    Shard.YEAR: ("2022", "2024"),
    Shard.MONTH: ("2024-01", "2024-03"),
    Shard.DAY: ("2024-03-01", "2024-03-31"),
}
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """One partition, or all from one to another; both moments are inside."""

    first: str
    last: str
    start_at: datetime
    end_at: datetime

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}{RANGE}{self.last}"


def partition_kind(definition: DatasetDefinition) -> Shard | None:
    """By what a data set is partitioned, or None.

    A data set with inputs is not: an input that moves may change every row, so it is always built
    as a whole.
    """
    shard = definition.release.shard
    if definition.time is None or shard is Shard.NONE or definition.inputs:
        return None
    return shard


def require_kind(definition: DatasetDefinition) -> Shard:
    """By what a data set is partitioned.

    Raises:
        InvalidInput: if it has no partitions, saying why.
    """
    kind = partition_kind(definition)
    if kind is not None:
        return kind
    because, hint = "it names no `time` or no `release.shard`", "ask with --start and --end"
    if definition.inputs:
        because = "it is derived from other data sets and is always built as a whole"
        hint = f"od run {definition.id}"
    raise InvalidInput(
        f"{definition.id} has no partitions: {because}", code="not_partitioned", hint=hint
    )


def window_of(text: str, kind: Shard) -> Window:
    """The window of `2024-03`, or of `2024-01..2024-06`; Dagster's own three dots are read too.

    Raises:
        InvalidInput: if these are no partitions of this kind, or the wrong way round.
    """
    first, dots, last = (part.strip() for part in text.replace("...", RANGE).partition(RANGE))
    if dots and not (first and last):
        raise InvalidInput(
            f"{text!r} has no {'end' if first else 'beginning'}",
            code="invalid_partition",
            hint=_example(kind),
        )
    return window_between(first, last if dots else first, kind)


def window_between(first: str, last: str, kind: Shard) -> Window:
    """The window from the first moment of one partition to the last moment of another.

    Raises:
        InvalidInput: as `window_of`.
    """
    start_at, end_at = _start_of(first, kind), _end_of(_start_of(last, kind), kind)
    if start_at > end_at:
        raise InvalidInput(
            f"the partitions end ({last}) before they start ({first})",
            code="invalid_partition",
            hint=f"write {last}{RANGE}{first}",
        )
    return Window(first, last, start_at, end_at)


def partition_at(at: datetime | date, kind: Shard) -> str:
    """The partition that a moment (or a day) belongs to."""
    if isinstance(at, datetime):
        at = at.astimezone(UTC)
    day = f"{at.year:04d}-{at.month:02d}-{at.day:02d}"
    return day[: len(_EXAMPLES[kind][0])]


def first_partition(definition: DatasetDefinition, kind: Shard, earliest: str | None) -> str:
    """Where the partitions of a data set begin.

    That is what it declares, else the earliest time that is known of it, else `DEFAULT_SINCE`.
    Partitions are for asking; a run for everything is never cut by where they begin.
    """
    since = definition.release.since
    if since is None and earliest is not None:
        since = _day_of(earliest)
    return partition_at(since or DEFAULT_SINCE, kind)


def is_partition(name: str, kind: Shard) -> bool:
    """Whether a name is written as the partitions of this kind are."""
    return _PATTERNS[kind].fullmatch(name) is not None


def in_ranges(partitions: Iterable[str], kind: Shard) -> str:
    """Partitions as people write them: `2024-01..2024-03, 2024-07`; of another kind, one by one."""
    ranges: list[tuple[str, str]] = []
    for name in sorted(set(partitions)):
        if ranges and _follows(ranges[-1][1], name, kind):
            ranges[-1] = (ranges[-1][0], name)
        else:
            ranges.append((name, name))
    return ", ".join(a if a == b else f"{a}{RANGE}{b}" for a, b in ranges)


def _follows(before: str, after: str, kind: Shard) -> bool:
    if not (is_partition(before, kind) and is_partition(after, kind)):
        return False
    return _end_of(_start_of(before, kind), kind) + _MICROSECOND == _start_of(after, kind)


def _start_of(name: str, kind: Shard) -> datetime:
    if not _PATTERNS[kind].fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no {kind} of this data set",
            code="invalid_partition",
            hint=_example(kind),
        )
    try:
        day = date.fromisoformat(f"{name}-01-01"[:10])
    except ValueError as error:
        what = f"there is no {kind} {name}"
        raise InvalidInput(what, code="invalid_partition", hint=_example(kind)) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _example(kind: Shard) -> str:
    first, last = _EXAMPLES[kind]
    return f"write one such as {last}, or {first}{RANGE}{last}"


def _end_of(start_at: datetime, kind: Shard) -> datetime:
    """The last moment of the partition that begins there."""
    year, month = start_at.year, start_at.month
    if kind is Shard.YEAR:
        return datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    if kind is Shard.DAY:
        return start_at + timedelta(days=1, microseconds=-1)
    days = 31 if month == 12 else (date(year, month + 1, 1) - date(year, month, 1)).days
    return datetime(year, month, days, 23, 59, 59, 999_999, UTC)


def _day_of(text: str) -> date | None:
    """The day of a time in the catalogue; None for one before the year 1000, which has no name."""
    try:
        day = parse_start(text).date()
    except InvalidInput:
        return None
    return day if day.year >= 1000 else None
