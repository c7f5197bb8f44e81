"""Indexes as Parquet files: the layout, and that equal rows give equal bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.index_files.parquet import INDEX_ROW_GROUP_ROWS, ParquetIndexWriter
from dataplatform.channels.ports import Described, StoredFile
from dataplatform.channels.rows import INDEX_SCHEMA, STATE_SCHEMA, index_rows, state_rows
from opendata.stores.port import LocalFile
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
    with ParquetIndexWriter(str(tmp_path)).write(rows.to_batches()) as written:
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
    rows = index_rows(state(40_000)).to_batches()
    cut = [row.slice(at, 999) for row in rows for at in range(0, row.num_rows, 999)]
    with writer.write(rows) as one, writer.write(cut) as other:
        assert one.sha256 == other.sha256
        assert one.file.path != other.file.path
    with writer.write(index_rows(state(101)).to_batches()) as third:
        assert third.sha256 != one.sha256


def test_row_groups_are_bounded_in_bytes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.adapters.index_files.parquet.ROW_GROUP_BYTES", 10_000)
    rows = index_rows(state(1000))
    with ParquetIndexWriter(str(tmp_path)).write(rows.to_batches()) as written:
        file = pq.ParquetFile(written.file.path)
        assert 5 < file.num_row_groups < 30
        assert file.read().equals(rows)


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_state_comes_back_as_it_was(tmp_path: Path, count: int) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with writer.write_state(state(count).to_batches(), "x") as written:
        data = Path(written.file.path).read_bytes()
        opened = writer.open_state(written.file, "it")
        assert opened.described_by == "x"
        assert pa.Table.from_batches(opened.batches(), STATE_SCHEMA).equals(state(count))
    found = writer.read_state(data, "it")
    assert found.equals(state(count))
    assert found.schema.metadata[b"opendata.described_by"] == b"x"


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with writer.write(index_rows(state(3)).to_batches()) as written:
        index = Path(written.file.path).read_bytes()
    for data in (b"", b"PAR1", index, index[:-50]):
        with pytest.raises(Corrupt):
            writer.read_state(data, "it")
        (tmp_path / "it").write_bytes(data)
        with pytest.raises(Corrupt):
            writer.open_state(LocalFile(str(tmp_path / "it")), "it")


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    writer = ParquetIndexWriter(str(tmp_path))
    with pytest.raises(RuntimeError), writer.write(index_rows(state(3)).to_batches()):
        raise RuntimeError("the store is full")
    assert os.listdir(tmp_path) == []
