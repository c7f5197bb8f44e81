"""What a listing of files asks for: an interval and values of their metadata.

Here belong the question and how it is read from texts. Answering it belongs in `index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Union, cast

from opendata.wire.bundle import DataRange
from opendata.wire.errors import InvalidInput
from opendata.wire.times import parse_instant

if TYPE_CHECKING:
    import numpy as np

Moment = Union[str, date, datetime, "np.datetime64"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MICROSECOND = timedelta(days=1) - _MICROSECOND


@dataclass(frozen=True)
class FileQuery:
    """Which files: both ends of the interval belong to it; None is open.

    Files without a time are asked for only where both ends are open. `metadata` names values that
    all have to be there: `camera_id` or, nested, `camera.id`; see `metadata.matches`.
    """

    start: datetime | None = None
    end: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether no interval is asked for, so that files without a time belong to it."""
        return self.start is None and self.end is None

    def within(self, held: DataRange) -> FileQuery:
        """The same question about what lies in a locked channel's range."""
        if not held.start_time and not held.end_time:
            return self
        first = parse_instant(held.start_time) if held.start_time else None
        last = parse_instant(held.end_time) if held.end_time else None
        starts = [at for at in (self.start, first) if at is not None]
        ends = [at for at in (self.end, last) if at is not None]
        return FileQuery(max(starts, default=None), min(ends, default=None), self.metadata)


@dataclass(frozen=True)
class Counted:
    """How many files, and how many bytes they have together."""

    files: int
    bytes: int


def file_query(
    start: Moment | None = None,
    end: Moment | None = None,
    metadata: Mapping[str, object] | Iterable[str] | None = None,
) -> FileQuery:
    """The question that a person's dates and texts ask.

    Args:
        start, end: ISO 8601; a time without a zone is UTC, a bare date as end means the whole day.
        metadata: Values by name, or texts `name=value`.

    Raises:
        InvalidInput: naming what is no time, no pair, or an interval that ends before it starts.
    """
    first = None if start is None else read_moment(start, is_end=False)
    last = None if end is None else read_moment(end, is_end=True)
    if first is not None and last is not None and last < first:
        raise InvalidInput(
            f"the interval ends before it starts: {start} … {end}",
            code="invalid_interval",
            hint="exchange start and end",
        )
    return FileQuery(first, last, read_metadata(metadata))


def read_moment(value: Moment, *, is_end: bool) -> datetime:
    """A date or time as an instant in UTC; a bare date is its first or its last microsecond.

    Raises:
        InvalidInput: for anything else.
    """
    try:
        if isinstance(value, str):
            value = _parse(value.strip())
        elif type(value).__name__ == "datetime64":  # numpy's; those of days are bare dates
            value = cast("np.datetime64", value)
            days = str(value.dtype).endswith("[D]")
            value = value.astype(f"datetime64[{'D' if days else 'us'}]").item()
        if isinstance(value, datetime) and value == value:  # unlike pandas' "not a time"
            zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
            return zoned.astimezone(UTC)
        if isinstance(value, date) and value == value:
            midnight = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return midnight + _LAST_MICROSECOND if is_end else midnight
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        f"{value!r} is no date or time; write 2025-06-01 or 2025-06-01T12:00:00Z",
        code="invalid_time",
    )


def read_metadata(given: Mapping[str, object] | Iterable[str] | None) -> dict[str, str]:
    """Names and the texts of their values.

    Raises:
        InvalidInput: for a text without `=`, or a name that is asked for twice.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): _text(value) for name, value in given.items()}
    pairs: dict[str, str] = {}
    for text in [given] if isinstance(given, str) else given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(
                f"{text!r} asks for nothing in the metadata",
                code="invalid_filter",
                hint="write it as name=value: camera_id=front, or camera.id=3",
            )
        if pairs.setdefault(name.strip(), value.strip()) != value.strip():
            raise InvalidInput(
                f"{name.strip()} is asked to be {pairs[name.strip()]!r} and {value.strip()!r}",
                code="invalid_filter",
                hint="all that is asked for has to hold; ask twice for either",
            )
    return pairs


def microseconds(at: datetime) -> int:
    """An instant as an index has it: microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def _parse(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
