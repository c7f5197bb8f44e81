"""Arrow tables as the frames that people work with. The libraries load when they are asked for."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa

from opendata.wire.errors import InvalidInput

Format = Literal["pandas", "arrow", "polars"]
FORMATS = ("pandas", "arrow", "polars")


def check_format(name: str) -> None:
    """Refuse an unknown format before anything is fetched. Raises InvalidInput."""
    if name not in FORMATS:
        raise InvalidInput(
            f"{name!r} is no format: choose one of {', '.join(FORMATS)}", code="unknown_format"
        )


def to_frame(table: pa.Table, format: Format) -> Any:
    """The table as a pandas or polars frame, or as it is.

    Dates become datetime64 in pandas, so that they compare, resample and plot.

    Raises:
        InvalidInput: if the format's library is not installed.
    """
    if format == "arrow":
        return table
    if format == "polars":
        return _to_polars(table)
    return table.to_pandas(split_blocks=True, self_destruct=True, date_as_object=False)


def _to_polars(table: pa.Table) -> Any:
    try:
        import polars
    except ImportError as error:
        raise InvalidInput(
            "polars is not installed", code="missing_library", hint="pip install polars"
        ) from error
    return polars.from_arrow(table)
