"""Versions: comparing the numbers of releases (S4-12)."""

from __future__ import annotations

from opendata.wire.version import parse_version


def semver_compare(a: str, b: str) -> int:
    """-1, 0 or 1: whether release `a` comes before `b`, is it, or comes after it (S4-12).

    Raises:
        InvalidInput: if one is no version.
    """
    first, second = parse_version(a), parse_version(b)
    return (first > second) - (first < second)
