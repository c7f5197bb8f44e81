"""Moments as people type them, for the interval that a run is asked for. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from opendata.wire.errors import InvalidInput

_EXAMPLE = "write a date such as 2024-01-31, or a time such as 2024-01-31T06:00:00Z"


def parse_start(text: str) -> datetime:
    """The first moment that a date or a time names; without a zone it is UTC.

    Raises:
        InvalidInput: if it is neither.
    """
    return _parse(text, time.min)


def parse_end(text: str) -> datetime:
    """The last moment that a date or a time names: a bare date means the whole day.

    Raises:
        InvalidInput: if it is neither.
    """
    return _parse(text, time.max)


def parse_interval(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of an asked interval, each None where it is open.

    Raises:
        InvalidInput: if one is no moment, or they are the wrong way round.
    """
    start_at = parse_start(start) if start else None
    end_at = parse_end(end) if end else None
    if start_at and end_at and start_at > end_at:
        raise InvalidInput(f"the interval ends ({end}) before it starts ({start})")
    return start_at, end_at


def _parse(text: str, time_of_day: time) -> datetime:
    text = text.strip()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _instant(text)
    return datetime.combine(day, time_of_day, UTC)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no date", code="invalid_moment", hint=_EXAMPLE) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
