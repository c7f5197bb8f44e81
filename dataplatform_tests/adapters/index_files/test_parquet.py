"""Indexes as Parquet files: the layout, and that equal rows give equal bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.index_files.parquet import INDEX_ROW_GROUP_ROWS, ParquetIndexWriter
from dataplatform.channels.ports import Described, StoredFile
from dataplatform.channels.rows import INDEX_SCHEMA, index_rows, state_rows
from opendata.wire.errors import Corrupt


def state(count: int) -> pa.Table:
    """The state of so many files, one a second; the first has no time."""
    described = [
        Described(
            StoredFile(f"é/{at:06d}.bin", at, f"v{at}"),
            f"id-{at}",
            f"{at:064x}",
            at * 1_000_000 if at else None,
            "{}",
        )
        for at in range(count)
    ]
    return state_rows(described, {"é/000001.bin": "1:v"})


@pytest.mark.requirement("S0-41")
def test_an_index_has_row_groups_statistics_and_a_page_index(tmp_path: Path) -> None:
    rows = index_rows(state(INDEX_ROW_GROUP_ROWS + 10))
    with ParquetIndexWriter(str(tmp_path)).write(rows) as written:
        file = pq.ParquetFile(written.file.path)
        assert file.schema_arrow.remove_metadata() == INDEX_SCHEMA
        assert file.num_row_groups == 2
        column = file.metadata.row_group(0).column(2)
        assert column.path_in_schema == "timestamp"
        assert column.statistics.has_min_max
        assert column.has_offset_index
        assert column.has_column_index
        assert column.compression == "ZSTD"
        assert pq.read_table(written.file.path).equals(rows)
        assert os.path.getsize(written.file.path) == written.size_bytes
    assert os.listdir(tmp_path) == []


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with writer.write(index_rows(state(100))) as one, writer.write(index_rows(state(100))) as other:
        assert one.sha256 == other.sha256
        assert one.file.path != other.file.path
    with writer.write(index_rows(state(101))) as third:
        assert third.sha256 != one.sha256


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_state_comes_back_as_it_was(tmp_path: Path, count: int) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    stamped = state(count).replace_schema_metadata({"opendata.described_by": "x"})
    with writer.write_state(stamped) as written:
        data = Path(written.file.path).read_bytes()
    found = writer.read_state(data, "it")
    assert found.equals(stamped)
    assert found.schema.metadata[b"opendata.described_by"] == b"x"


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with writer.write(index_rows(state(3))) as written:
        index = Path(written.file.path).read_bytes()
    for data in (b"", b"PAR1", index, index[:-50]):
        with pytest.raises(Corrupt):
            writer.read_state(data, "it")


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with pytest.raises(RuntimeError), writer.write(index_rows(state(3))):
        raise RuntimeError("the store is full")
    assert os.listdir(tmp_path) == []
