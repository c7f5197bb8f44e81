"""Reference systems by PROJ's registry, which loads when the first one has to be looked up.

Here belongs what exists and what can be computed from what. Grids are never fetched: a way that
needs one which is not installed is no way.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from opendata.wire.errors import Unavailable


class ProjSystems:
    """The reference systems that PROJ knows; implements `ReferenceSystems`.

    Everything raises Unavailable where pyproj is not installed.
    """

    def knows(self, code: str) -> bool:
        """Whether there is a reference system of that code."""
        return _system(code) is not None

    def can_reproject(self, old: str, new: str) -> bool:
        """Whether coordinates can be computed from the one system into the other and back (S4-26).

        A mere guess (PROJ's ballpark operations, which leave a change of datum out) does not count,
        and neither does a system of heights or of time.
        """
        return _can_reproject(old, new)


@lru_cache(maxsize=256)
def _can_reproject(old: str, new: str) -> bool:
    if not (_is_of_places(old) and _is_of_places(new)):
        return False
    pyproj = _pyproj()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of finer ways for want of a grid
            group = pyproj.transformer.TransformerGroup(
                old, new, always_xy=True, allow_ballpark=False
            )
    except pyproj.exceptions.ProjError:
        return False
    ways = group.transformers
    return bool(ways) and all(way.has_inverse for way in ways)


@lru_cache(maxsize=256)
def _system(code: str) -> Any:
    """PROJ's system of that code, or None."""
    pyproj = _pyproj()
    try:
        return pyproj.CRS.from_user_input(code)
    except pyproj.exceptions.CRSError:
        return None


def _is_of_places(code: str) -> bool:
    """Whether a system gives places on the earth, which heights alone and times do not."""
    system = _system(code)
    return system is not None and bool(system.is_geographic or system.is_projected)


def _pyproj() -> Any:
    try:
        import pyproj
        import pyproj.transformer
    except ImportError as error:
        raise Unavailable(
            "reference systems are looked up with pyproj, which is not installed",
            code="missing_package",
            hint="install opendata[adapters]",
        ) from error
    return pyproj
