"""Strict three-number semantic versions (requirements S4-3, S4-7, S4-12; part B row B3).

A leading `v` is accepted on input and never stored. Pre-releases and build metadata do not exist:
a release is immutable, so there is nothing that a suffix could promise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from opendata.wire.errors import InvalidInput

_VERSION = re.compile(r"v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)


class Bump(IntEnum):
    """How far a change moves a version; ordered, so that `max` picks the larger."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, order=True)
class Version:
    """`major.minor.patch`, ordered lexicographically on the three numbers (S4-12)."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def bumped(self, bump: Bump) -> Version:
        """The next version after a change of the given size."""
        if bump is Bump.MAJOR:
            return Version(self.major + 1, 0, 0)
        if bump is Bump.MINOR:
            return Version(self.major, self.minor + 1, 0)
        if bump is Bump.PATCH:
            return Version(self.major, self.minor, self.patch + 1)
        return self


FIRST_VERSION = Version(1, 0, 0)


def is_version(text: str) -> bool:
    """Whether `text` is a version as it is stored, without a leading `v`."""
    return not text.startswith("v") and _VERSION.fullmatch(text) is not None


def parse_version(text: str) -> Version:
    """Read `1.2.3` or `v1.2.3`.

    Raises:
        InvalidInput: if the text is anything else.
    """
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidInput(
            f"{text!r} is no version: write three numbers such as 1.2.0",
            code="invalid_version",
        )
    return Version(*(int(number) for number in match.groups()))
