"""What somebody is told of: one thing that is wrong, why, and what repairs it.

Here belong findings as values, from whoever measures. When they are sent, and to whom, is decided
by `machine`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is, from the mildest on."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place in the order: the higher, the worse."""
        return tuple(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `key` says which thing, so that the same one found again is known: parts joined by `/`, the
    check first. `cause` says why it is so, `repair` is the command to type. `notify` names targets
    that are told at once, beside those of the policy. `details` are JSON types for programs.
    """

    key: str
    severity: Severity
    summary: str
    cause: str
    repair: str
    notify: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The finding by name."""
        return {
            "key": self.key,
            "severity": str(self.severity),
            "summary": self.summary,
            "cause": self.cause,
            "repair": self.repair,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Observation:
    """What one look gave.

    Only keys that begin with one of `covers` were looked for, but for those that are `unknown`
    (keys, or beginnings that end with `/`): what is not among the findings and was not looked for
    has not recovered, it is just not known.
    """

    findings: Sequence[Finding]
    covers: tuple[str, ...]
    unknown: frozenset[str] = frozenset()

    def covers_key(self, key: str) -> bool:
        """Whether that key was looked for."""
        beginnings = tuple(one for one in self.unknown if one.endswith("/"))
        is_unknown = key in self.unknown or key.startswith(beginnings)
        return key.startswith(self.covers) and not is_unknown
