"""Rows into files: every format reads back to the same rows, and no half file is left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from opendata.cli.saving import format_for, rows_of, save
from opendata.wire.errors import InvalidInput, NotFound

TABLE = pa.table({"n": [1, 2, None], "word": ["a", "b,\n", None]})


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.json"])
def test_a_saved_file_holds_the_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    count = save(TABLE.to_batches(max_chunksize=2), TABLE.schema, path.suffix[1:], path)
    assert count == 3
    assert read(path).to_pylist() == TABLE.to_pylist()
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    assert save([], TABLE.schema, "json", path) == 0
    assert json.loads(path.read_text()) == []


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("before")

    def failing() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError):
        save(failing(), TABLE.schema, "csv", path)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_pipe_takes_the_rows_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as readers:
        read_back = readers.submit(pipe.read_bytes)
        save(TABLE.to_batches(), TABLE.schema, "csv", pipe)
        assert read_back.result().startswith(b'"n","word"')
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "rows.csv"
    link.symlink_to(tmp_path / "disk" / "rows.csv")
    save(TABLE.to_batches(), TABLE.schema, "csv", link)
    assert link.is_symlink()
    assert read(tmp_path / "disk" / "rows.csv").num_rows == 3


def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "not here"
    with pytest.raises(NotFound) as caught:
        save(TABLE.to_batches(), TABLE.schema, "csv", missing / "rows.csv")
    assert str(missing) in caught.value.message
    assert caught.value.hint == f"mkdir -p '{missing}'"


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_a_full_disk_is_told_with_the_name_of_the_file(format: str) -> None:
    full = Path("/dev/full")  # a device on which there is never room
    with pytest.raises(OSError, match="No space left on device") as caught:
        save(TABLE.to_batches(), TABLE.schema, format, full)
    assert caught.value.filename == str(full)
    assert full.is_char_device()


def test_csv_says_that_it_cannot_hold_nested_values(tmp_path: Path) -> None:
    nested = pa.table({"a": [[1]], "b": [1]})
    with pytest.raises(InvalidInput, match="CSV cannot hold a"):
        save(nested.to_batches(), nested.schema, "csv", tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_python_come_as_text() -> None:
    nanos = pa.array([1, None], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    rows = list(rows_of(pa.RecordBatch.from_arrays([nanos], ["at"])))
    assert rows == [{"at": "1970-01-01 00:00:00.000000001Z"}, {"at": None}]
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("us"))
    assert "4611686018427387904" in str(list(rows_of(pa.RecordBatch.from_arrays([far], ["at"]))))


def test_the_format_comes_from_the_option_or_the_name(tmp_path: Path) -> None:
    assert format_for(None, None) == "table"
    assert format_for("csv", None) == "csv"
    assert format_for(None, tmp_path / "a.PQ") == "parquet"
    assert format_for("json", tmp_path / "a.csv") == "json"


@pytest.mark.parametrize(("named", "file"), [(None, "rows"), (None, "rows.xlsx"), ("table", "r")])
def test_a_file_whose_format_nobody_told_is_refused(named: str | None, file: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        format_for(named, Path(file))
    assert "--format" in (caught.value.hint or "")


def read(path: Path) -> pa.Table:
    if path.suffix == ".csv":
        options = pa_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        parse = pa_csv.ParseOptions(newlines_in_values=True)
        return pa_csv.read_csv(path, convert_options=options, parse_options=parse)
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return pa.Table.from_pylist(json.loads(path.read_text()), schema=TABLE.schema)
