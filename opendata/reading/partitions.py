"""Partitions: the logical paths under which the parts of a release are asked for (S4-63).

Here belong the names of shards and the rows that they mean. A name of the release's own cut is a
shard; a name of a former cut is routed: to a span of the time column, which any cut can answer.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from opendata.reading.suggest import did_you_mean
from opendata.wire.bridges import Route
from opendata.wire.errors import NotFound
from opendata.wire.manifest import FileEntry, Manifest

UNSHARDED: Final = "all"
UNDATED: Final = "undated"
_FORMS: Final = {
    "year": re.compile(r"(\d{4})", re.ASCII),
    "month": re.compile(r"(\d{4})-(\d{2})", re.ASCII),
    "day": re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII),
}


@dataclass(frozen=True)
class Span:
    """The days of a part, both included; without a time where `undated`, all rows where empty."""

    first: date | None = None
    last: date | None = None
    undated: bool = False


def named_shard(manifest: Manifest, name: str) -> tuple[FileEntry, ...]:
    """The shard of that name.

    Raises:
        NotFound: if the release has none, with did-you-mean.
    """
    found = tuple(entry for entry in manifest.files if entry.name == name)
    if found:
        return found
    error = _unknown(manifest, name, manifest.shard, [entry.name for entry in manifest.files])
    former = [str(rule["from"]) for rule in manifest.adapters.routing_rules]
    if cuts := [cut for cut in former if _span(name, cut) is not None]:
        error.hint = f"it is a path of the former cut by {cuts[-1]}: say which schema you know "
        error.hint += '(reader="1.0")'
    raise error


def routed_span(reader: Manifest, stored: Manifest, route: Route, name: str) -> Span:
    """The rows that a path of the reader's cut means in a release that is cut otherwise.

    A path between the first and the last day of the release exists, with or without rows.

    Raises:
        NotFound: if it is no path of the reader's cut, or of none of the release's days.
    """
    span = _span(name, route.reader)
    known = [entry.name for entry in reader.files]
    if span is None or (name not in known and not _within(span, stored)):
        raise _unknown(stored, name, route.reader, known)
    return span


def _span(name: str, shard: str) -> Span | None:
    if shard == "none":
        return Span() if name == UNSHARDED else None
    if name == UNDATED:
        return Span(undated=True)
    found = _FORMS[shard].fullmatch(name) if isinstance(name, str) else None
    try:
        return _days(*(int(number) for number in found.groups())) if found else None
    except (ValueError, calendar.IllegalMonthError):
        return None  # there is no month 13, and no 30th of February


def _days(year: int, month: int = 0, day: int = 0) -> Span:
    if day:
        return Span(date(year, month, day), date(year, month, day))
    first = month or 1
    last = month or 12
    return Span(date(year, first, 1), date(year, last, calendar.monthrange(year, last)[1]))


def _within(span: Span, stored: Manifest) -> bool:
    """Whether the release reaches as far; of rows without a time nobody knows before reading."""
    if span.first is None or span.last is None:
        return True
    minima = [entry.min[:10] for entry in stored.files if entry.min]
    maxima = [entry.max[:10] for entry in stored.files if entry.max]
    if not minima or not maxima:
        return True
    return min(minima) <= span.last.isoformat() and span.first.isoformat() <= max(maxima)


def _unknown(manifest: Manifest, name: str, shard: str, known: list[str]) -> NotFound:
    if isinstance(name, str) and (near := did_you_mean(name, known)):
        hint = near
    elif len(known) > 2:
        hint = f"its parts are named {known[0]} … {known[-1]}"
    else:
        hint = f"its parts are named {', '.join(known)}"
    cut = "one file" if shard == "none" else f"a cut by {shard}"
    return NotFound(
        f"{manifest.id}@{manifest.release} has no part {name!r} (of {cut})",
        code="unknown_partition",
        hint=hint,
        details={"partition": name, "shard": shard},
    )
