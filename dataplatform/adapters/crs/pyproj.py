"""Reference systems by PROJ's registry, which loads when the first one has to be looked up.

Here belongs what exists and what can be computed from what. Grids are never fetched: a way that
needs one which is not installed is no way.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from opendata.wire.errors import Unavailable


@lru_cache(maxsize=256)
def knows_system(code: str) -> bool:
    """Whether there is a reference system of that code.

    Raises:
        Unavailable: if pyproj is not installed.
    """
    pyproj = _pyproj()
    try:
        pyproj.CRS.from_user_input(code)
    except pyproj.exceptions.CRSError:
        return False
    return True


@lru_cache(maxsize=256)
def can_reproject(old: str, new: str) -> bool:
    """Whether coordinates of the one system can be computed from the other's and back (S4-26).

    A mere guess (PROJ's ballpark operations, which leave a change of datum out) does not count,
    and neither does a system of heights or of time.

    Raises:
        Unavailable: if pyproj is not installed.
    """
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


def _is_of_places(code: str) -> bool:
    """Whether a system gives places on the earth, which heights alone and times do not."""
    if not knows_system(code):
        return False
    system = _pyproj().CRS.from_user_input(code)
    return bool(system.is_geographic or system.is_projected)


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
