"""Data at hand as a stream of Arrow batches: frames, tables, readers, files.

Libraries are recognised by where a value's class comes from and never imported for the question.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from opendata.wire.errors import InvalidInput, NotFound

BATCH_ROWS = 65_536
BATCH_BYTES = 32 << 20
_KINDS = (
    "a pandas or polars frame, an Arrow table or reader, or the path of a CSV, Parquet or JSON file"
)


def as_reader(data: Any) -> pa.RecordBatchReader:
    """The rows as Arrow batches of one schema.

    Raises:
        InvalidInput: if it is nothing with rows, or a column cannot be an Arrow column.
        NotFound: if it is a path on which there is no file.
    """
    if isinstance(data, str | os.PathLike):
        return _of_file(Path(data).expanduser())
    try:
        reader = _of_value(data)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"these rows make no table: {error}",
            code="unusable_data",
            hint="give each column values of one type",
        ) from error
    _require_distinct(reader.schema.names)
    return reader


def _of_value(data: Any) -> pa.RecordBatchReader:
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    library = type(data).__module__.partition(".")[0]
    if library == "pandas":
        data = _of_pandas(data)
    elif library == "polars":
        data = _of_polars(data)
    if isinstance(data, pa.Table):
        return data.to_reader(max_chunksize=BATCH_ROWS)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    raise InvalidInput(
        f"a {type(data).__module__}.{type(data).__qualname__} is no table",
        code="unusable_data",
        hint=f"give {_KINDS}",
    )


def _of_pandas(frame: Any) -> pa.Table:
    if not hasattr(frame, "columns"):
        frame = frame.to_frame()  # a series is a frame of one column
    _require_distinct([str(name) for name in frame.columns])
    named_index = any(name is not None for name in frame.index.names)
    if named_index:
        frame = frame.reset_index()
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def _of_polars(frame: Any) -> Any:
    if hasattr(frame, "collect"):
        frame = frame.collect()  # lazy frames are a plan, not yet rows
    return frame.to_arrow() if hasattr(frame, "columns") else frame.to_frame().to_arrow()


def _of_file(path: Path) -> pa.RecordBatchReader:
    if path.is_dir():
        raise InvalidInput(
            f"{path} is a folder; push one file of it",
            code="wrong_file",
            hint="od push FILE NS/NAME",
        )
    if not path.is_file():
        raise NotFound(f"there is no file {path}", code="missing_file")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _of_parquet(path)
    from dataplatform.datasets.sample import read_sample

    table = read_sample(path.read_bytes(), path.name).table
    return table.to_reader(max_chunksize=BATCH_ROWS)


def _of_parquet(path: Path) -> pa.RecordBatchReader:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise InvalidInput(f"{path} is no Parquet file: {error}", code="unreadable_file") from error
    schema = file.schema_arrow.remove_metadata()

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata)):
            yield batch.replace_schema_metadata(None)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _batch_rows(metadata: Any) -> int:
    """As many rows of a Parquet file as are decoded at once: of wide rows fewer."""
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    row_bytes = sum(group.total_byte_size for group in groups) // max(metadata.num_rows, 1)
    return max(min(BATCH_BYTES // max(row_bytes, 1), BATCH_ROWS), 1)


def _require_distinct(names: list[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidInput(
            f"the column {', '.join(map(repr, twice))} is there more than once",
            code="repeated_column",
            hint="rename or drop the others",
        )
