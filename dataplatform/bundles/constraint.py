"""Constraints on versions, as a bundle's spec writes them: `>=1.2,<2`, `~=1.2`, `1.2`, `*`.

Here belongs reading one and asking it about three-number versions. Which versions there are, and
what follows if none fits, is `resolve`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet

from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version

_NUMBERS: Final = r"\d{1,9}(?:\.\d{1,9}){0,2}"
_CLAUSE: Final = re.compile(
    rf"(?P<operator>~=|==|!=|<=|>=|<|>|)\s*v?(?P<number>{_NUMBERS})(?P<wild>\.\*)?", re.ASCII
)
_ANY: Final = frozenset({"*", "latest"})
_LEGAL: Final = "write >=1.2,<2 or ~=1.2 or 1.2 (any 1.2.x) or 1.2.0 (exactly that) or *"


@dataclass(frozen=True)
class Constraint:
    """Which versions will do. `text` is how it was written; no clauses mean that all do."""

    text: str
    clauses: tuple[Specifier, ...] = ()

    def allows(self, version: Version) -> bool:
        """Whether a version will do."""
        return self.excluding(version) is None

    def excluding(self, version: Version) -> str | None:
        """The first clause that a version does not meet, or None if it will do."""
        text = str(version)
        return next((str(one) for one in self.clauses if not one.contains(text)), None)

    def newest(self, versions: Iterable[Version]) -> Version | None:
        """The newest version that will do."""
        return max((one for one in versions if self.allows(one)), default=None)

    def nearest(self, versions: Iterable[Version]) -> Version | None:
        """Of versions that will not do, the one nearest to what was asked for."""
        asked = self._asked_number()
        return min(versions, key=lambda one: (_distance(one, asked), one), default=None)

    def _asked_number(self) -> Version:
        numbers = [0, 0, 0]
        for clause in self.clauses[:1]:
            for at, part in enumerate(clause.version.removesuffix(".*").split(".")):
                numbers[at] = int(part)
        return Version(*numbers)


def parse_constraint(text: str) -> Constraint:
    """Read a constraint.

    `1.2.0` means exactly that version, `1.2` any `1.2.x` and `1` any `1.x.y`; the other clauses
    mean what they mean in Python's packaging (`~=1.2` is `>=1.2,<2`), and a comma means and.

    Raises:
        InvalidInput: with the spellings that are read.
    """
    written = text.strip()
    if written in _ANY:
        return Constraint(written)
    clauses = ",".join(_clause(part.strip(), text) for part in written.split(","))
    try:
        specifiers = SpecifierSet(clauses)
    except InvalidSpecifier as error:
        raise _unreadable(text) from error
    order = {clause: at for at, clause in enumerate(clauses.split(","))}
    ordered = sorted(specifiers, key=lambda one: order.get(str(one), len(order)))
    return Constraint(written, tuple(ordered))


def _clause(part: str, text: str) -> str:
    match = _CLAUSE.fullmatch(part)
    if match is None:
        raise _unreadable(text)
    operator, number = match["operator"], match["number"]
    if operator:
        return f"{operator}{number}{match['wild'] or ''}"
    is_exact = number.count(".") == 2 and not match["wild"]
    return f"=={number}" if is_exact else f"=={number}.*"


def _unreadable(text: str) -> InvalidInput:
    caret = re.fullmatch(rf"\^\s*v?({_NUMBERS})", text.strip(), re.ASCII)
    meant = f"write >={caret[1]},<{int(caret[1].split('.')[0]) + 1}" if caret else _LEGAL
    return InvalidInput(f"{text!r} is no constraint on versions: {meant}", code="invalid_version")


def _distance(version: Version, asked: Version) -> tuple[int, int, int]:
    return (
        abs(version.major - asked.major),
        abs(version.minor - asked.minor),
        abs(version.patch - asked.patch),
    )
