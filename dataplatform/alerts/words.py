"""Alerts as messages for people: what, why, since when, and the command that repairs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from dataplatform.alerts.state import Alert
from opendata.wire.times import format_instant

_HEADS: Final[Mapping[str, str]] = {
    "raised": "",
    "worse": "worse: ",
    "escalated": "still open: ",
    "reminder": "still open: ",
    "recovered": "recovered: ",
}


def title_of(alert: Alert, kind: str) -> str:
    """One line: how bad, and what."""
    level = "OK" if kind == "recovered" else alert.severity.upper()
    return f"[{level}] {_HEADS[kind]}{alert.summary}"


def body_of(alert: Alert, kind: str, now: datetime) -> str:
    """The rest, one thing a line."""
    if kind == "recovered":
        lines = [f"open from {alert.opened_at} to {format_instant(now)}", f"was: {alert.cause}"]
    else:
        lines = [f"cause: {alert.cause}", f"repair: {alert.repair}", f"since: {alert.opened_at}"]
        if alert.relapses:
            lines.append(f"came back {len(alert.relapses)} times lately: it flaps")
        lines.append(f'acknowledge: od bundle status --ack "{alert.key}"')
    return "\n".join([*lines, f"alert: {alert.key}"])
