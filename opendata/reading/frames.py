"""A selection as the frame that people work with. The libraries load when they are asked for."""

from __future__ import annotations

import time
from typing import Any, Literal

import pyarrow as pa

from opendata.reading.selection import Selection, select
from opendata.reading.shard import Access
from opendata.reading.table import adapted_table, whole_table
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


def read_frame(
    access: Access,
    manifest: Manifest,
    format: Format,
    *,
    reader: Manifest | None = None,
    **asked: Any,
) -> Any:
    """The rows and columns asked for as a frame; `asked` is what `select` takes.

    Dates become datetime64 in pandas, so that they compare, resample and plot. With a `reader`,
    the release whose schema it knows, the frame is as that reader expects it.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval or filter, or a missing library.
        Rejected: if the reader cannot read the release.
        Corrupt: naming the object, if any byte differs from its digest.
    """
    check_format(format)
    started = time.perf_counter()
    if reader is None:
        frame = _frame_of(select(access, manifest, **asked), format)
    else:
        from opendata.reading.adapting import select_as

        selection, adapter = select_as(access, reader, manifest, **asked)
        if adapter is None:
            frame = _frame_of(selection, format)
        else:
            frame = _from_table(adapted_table(selection, adapter), format)
    access.stats.seconds = time.perf_counter() - started
    return frame


def _frame_of(selection: Selection, format: Format) -> Any:
    if format == "arrow":
        return whole_table(selection)
    if format == "polars":
        _require_polars()
        from opendata.reading.polars_frame import polars_frame

        return polars_frame(selection)
    from opendata.reading.pandas_frame import pandas_frame

    return pandas_frame(selection)


def _from_table(table: pa.Table, format: Format) -> Any:
    if format == "arrow":
        return table
    if format == "polars":
        _require_polars()
        from opendata.reading.polars_frame import polars_from_arrow

        return polars_from_arrow(table)
    from opendata.reading.pandas_frame import pandas_from_arrow

    return pandas_from_arrow(table)


def _require_polars() -> None:
    try:
        import polars  # noqa: F401 - whether it is there
    except ImportError as error:
        raise InvalidInput(
            "polars is not installed", code="missing_library", hint="pip install polars"
        ) from error
