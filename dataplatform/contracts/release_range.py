"""Which releases of another data set are meant: one, a range, or whichever is current. Pure.

Here belong reading and asking such a range. Finding the releases belongs to whoever has a store.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opendata.wire.version import Version

_PART: Final = re.compile(r"(>=|<=|==|>|<)?\s*v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")
_COMPARE: Final[Mapping[str, Callable[[Version, Version], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class ReleaseRange:
    """Bounds that a version has to keep, all of them."""

    bounds: tuple[tuple[str, Version], ...]

    @property
    def exact(self) -> Version | None:
        """The one release that is meant, where it is one."""
        return next((version for sign, version in self.bounds if sign == "=="), None)

    def __contains__(self, version: Version) -> bool:
        return all(_COMPARE[sign](version, bound) for sign, bound in self.bounds)

    def __str__(self) -> str:
        return ",".join(f"{'' if sign == '==' else sign}{v}" for sign, v in self.bounds)


def parse_range(text: str) -> ReleaseRange:
    """Read `1.2.0`, `>=1.0` or `>=1.2,<2`.

    Raises:
        ValueError: if it is anything else.
    """
    bounds = []
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None or (not found[1] and found[4] is None):
            raise ValueError(
                f"{text!r} names no release: write one such as 1.2.0, or a range such as >=1.0,<2"
            )
        bounds.append((found[1] or "==", Version(*(int(found[at] or 0) for at in (2, 3, 4)))))
    return ReleaseRange(tuple(bounds))
