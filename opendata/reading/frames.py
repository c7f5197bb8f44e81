"""A selection as the frame that people work with. The libraries load when they are asked for."""

from __future__ import annotations

import time
from typing import Any, Literal

from opendata.reading.selection import select
from opendata.reading.shard import Access
from opendata.reading.table import whole_table
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest

Format = Literal["pandas", "arrow", "polars"]
FORMATS = ("pandas", "arrow", "polars")


def check_format(name: str) -> None:
    """Refuse an unknown format before anything is fetched. Raises InvalidInput."""
    if name not in FORMATS:
        raise InvalidInput(
            f"{name!r} is no format: choose one of {', '.join(FORMATS)}", code="unknown_format"
        )


def read_frame(access: Access, manifest: Manifest, format: Format, **asked: Any) -> Any:
    """The rows and columns asked for as a frame; `asked` is what `select` takes.

    Dates become datetime64 in pandas, so that they compare, resample and plot.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval or filter, or a missing library.
        Corrupt: naming the object, if any byte differs from its digest.
    """
    check_format(format)
    started = time.perf_counter()
    selection = select(access, manifest, **asked)
    if format == "arrow":
        frame: Any = whole_table(selection)
    elif format == "polars":
        _require_polars()
        from opendata.reading.polars_frame import polars_frame

        frame = polars_frame(selection)
    else:
        from opendata.reading.pandas_frame import pandas_frame

        frame = pandas_frame(selection)
    access.stats.seconds = time.perf_counter() - started
    return frame


def _require_polars() -> None:
    try:
        import polars  # noqa: F401 - whether it is there
    except ImportError as error:
        raise InvalidInput(
            "polars is not installed", code="missing_library", hint="pip install polars"
        ) from error
