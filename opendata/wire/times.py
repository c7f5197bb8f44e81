"""Instants on the wire: ISO 8601, UTC, microseconds only where there are any."""

from __future__ import annotations

from datetime import UTC, datetime

from opendata.wire.errors import InvalidInput


def format_instant(at: datetime) -> str:
    """`2026-01-31T06:00:00Z`; a naive time is refused, since nobody can say when it is."""
    if at.tzinfo is None:
        raise InvalidInput(f"{at!r} has no time zone")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read what :func:`format_instant` wrote.

    Raises:
        InvalidInput: if the text is no instant with a zone.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # or one that UTC's calendar does not reach
        raise InvalidInput(f"{text!r} is no ISO 8601 instant") from error
    raise InvalidInput(f"{text!r} has no time zone")
