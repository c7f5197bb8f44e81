"""OpenData: published data sets as frames, verified from the source to your process.

>>> import opendata as od                                             # doctest: +SKIP
>>> od.load("getopendata/world-airports", columns=["icao", "name"])   # doctest: +SKIP

The public face is `__all__`; everything loads on first use, so importing costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opendata._api import dataset, load, push, register_correction, search, verify
    from opendata._dataset import Dataset
    from opendata._index_client.client import DataIndexClient
    from opendata._platform import releases
    from opendata.wire.errors import (
        Conflict,
        Corrupt,
        Denied,
        InvalidInput,
        NotFound,
        OpenDataError,
        Rejected,
        Unavailable,
    )

__all__ = [
    "Conflict",
    "Corrupt",
    "DataIndexClient",
    "Dataset",
    "Denied",
    "InvalidInput",
    "NotFound",
    "OpenDataError",
    "Rejected",
    "Unavailable",
    "dataset",
    "load",
    "push",
    "register_correction",
    "releases",
    "search",
    "verify",
]

_ERRORS = {
    "Conflict",
    "Corrupt",
    "Denied",
    "InvalidInput",
    "NotFound",
    "OpenDataError",
    "Rejected",
    "Unavailable",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'opendata' has no attribute {name!r}")
    if name in _ERRORS:
        from opendata.wire import errors as module
    elif name == "DataIndexClient":
        from opendata._index_client import client as module  # type: ignore[no-redef]
    elif name == "Dataset":
        from opendata import _dataset as module  # type: ignore[no-redef]
    elif name == "releases":
        from opendata import _platform as module  # type: ignore[no-redef]
    else:
        from opendata import _api as module  # type: ignore[no-redef]
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
