"""An index is somebody's file: whatever is in it, the answer is rows or Corrupt, never a crash."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform_tests.reading.file_index.lake import (
    JUNE,
    Row,
    parquet_of,
    pictures,
    stored_index,
    table_of,
)
from opendata.reading.file_index import groups
from opendata.reading.file_index.index import open_index
from opendata.reading.file_index.query import FileQuery, file_query
from opendata.reading.file_index.schema import INDEX_SCHEMA
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt
from opendata.wire.paths import path_fault

pytestmark = pytest.mark.requirement("S0-45", "S0-89")
WHOLE = parquet_of(pictures(60, undated=4), compression="zstd", data_page_version="2.0")
QUESTIONS = (FileQuery(), file_query("2025-06-01T00:05Z", "2025-06-01T00:40Z"),
             file_query(metadata={"camera_id": "front"}))  # fmt: skip


def ask_everything(data: bytes) -> None:
    """Every way to read it; Corrupt is an answer."""
    try:
        index = stored_index(MemoryStore(), data)
        for query in QUESTIONS:
            index.count(query)
            index.page(query, offset=3, limit=30)
            for batch in index.batches(query, 7):
                batch.validate(full=True)
    except Corrupt:
        return


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_a_flipped_bit_under_a_right_digest_never_does_harm(bit: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[bit // 8] ^= 1 << bit % 8
    ask_everything(bytes(damaged))


@settings(max_examples=100)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=8))
def test_nor_do_bytes_that_are_missing_or_added(at: int, more: bytes) -> None:
    ask_everything(WHOLE[:at])
    ask_everything(WHOLE[:at] + more + WHOLE[at:])


@settings(max_examples=50)
@given(st.randoms(use_true_random=False))
def test_nor_does_a_footer_full_of_other_numbers(chance: random.Random) -> None:
    length = int.from_bytes(WHOLE[-8:-4], "little")
    footer = bytearray(WHOLE)
    for _ in range(6):
        footer[len(WHOLE) - 8 - chance.randrange(length)] = chance.randrange(256)
    ask_everything(bytes(footer))


def test_damaged_bytes_are_named(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    whole = parquet_of(pictures(31))
    data = bytearray(whole)
    data[99] ^= 4
    store.put("index", bytes(data))
    with pytest.raises(Corrupt, match="index is corrupt: its sha256"):
        open_index(store, None, "index", digest_of(whole), len(whole))
    with pytest.raises(Corrupt, match="bytes, expected"):
        open_index(store, None, "index", digest_of(bytes(data)), len(whole) + 1)


paths = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="ab/.\\:\x00\x1f\x7fé ", max_size=12),
    st.lists(st.sampled_from(["a", "..", ".", "", ".b", "b.jpg", "C:"]), max_size=4).map("/".join),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(paths, min_size=1, max_size=6))
def test_unsafe_paths_are_refused_and_no_others(names: list[str]) -> None:
    rows = [Row(f"f{at}", name, JUNE + timedelta(seconds=at)) for at, name in enumerate(names)]
    try:
        data = parquet_of(rows)
    except UnicodeEncodeError:
        return
    index = stored_index(MemoryStore(), data)
    if any(path_fault(name) for name in names):
        with pytest.raises(Corrupt, match="no safe path"):
            index.page(FileQuery(), offset=0, limit=10)
    else:
        assert index.page(FileQuery(), offset=0, limit=10).num_rows == len(names)


def test_rows_that_are_not_in_order_are_refused() -> None:
    rows = pictures(40)
    rows[5], rows[9] = rows[9], rows[5]
    index = stored_index(MemoryStore(), parquet_of(rows))
    with pytest.raises(Corrupt, match="order of time"):
        index.page(FileQuery(), offset=0, limit=20)
    with pytest.raises(Corrupt, match="order of time"):
        stored_index(MemoryStore(), parquet_of([*rows[16:32], *rows[:16]]))


def test_undated_rows_in_the_middle_are_refused() -> None:
    rows = pictures(40)
    rows[3] = replace(rows[3], timestamp=None)
    with pytest.raises(Corrupt, match="order of time"):
        stored_index(MemoryStore(), parquet_of(rows))


def test_a_file_that_is_no_index_is_refused() -> None:
    for data in (b"", b"PAR1", b"x" * 100, b"PAR1" + b"\xff" * 40 + b"PAR1"):
        with pytest.raises(Corrupt):
            stored_index(MemoryStore(), data)
    other = table_of(pictures(3)).rename_columns([*INDEX_SCHEMA.names[:-1], "facts"])
    with pytest.raises(Corrupt, match="its columns are"):
        stored_index(MemoryStore(), parquet_of(other))
    with pytest.raises(Corrupt, match="does not tell the times"):
        stored_index(MemoryStore(), parquet_of(pictures(3), write_statistics=False))


def test_metadata_that_is_no_json_is_refused_when_it_is_asked_for() -> None:
    rows = [replace(row, metadata="{camera") for row in pictures(3)]
    index = stored_index(MemoryStore(), parquet_of(rows))
    assert index.count(FileQuery()).files == 3
    with pytest.raises(Corrupt, match="no JSON"):
        index.count(file_query(metadata={"camera_id": "front"}))


def test_a_row_group_that_would_fill_the_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dictionary of one long text, repeated: small on disk, large once decoded."""
    text = '{"x":"' + "y" * 100_000 + '"}'
    rows = [replace(row, metadata=text) for row in pictures(64)]
    data = parquet_of(rows, 64, compression="zstd")
    assert len(data) < 50_000
    monkeypatch.setattr(groups, "GROUP_BYTES_MAX", 1 << 20)
    index = stored_index(MemoryStore(), data)
    with pytest.raises(Corrupt, match="in memory"):
        index.page(FileQuery(), offset=0, limit=1)


def test_a_time_beyond_what_the_footer_says_is_refused() -> None:
    table = table_of(pictures(20))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = sink.getvalue().to_pybytes()
    low = int(JUNE.timestamp() * 1e6).to_bytes(8, "little")
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at = data.index(low, footer)
    earlier = (int.from_bytes(low, "little") - 5).to_bytes(8, "little")
    forged = data[:footer] + data[footer:].replace(low, earlier)
    assert at and forged != data
    index = stored_index(MemoryStore(), forged)
    with pytest.raises(Corrupt, match="order of time"):
        index.page(FileQuery(), offset=0, limit=5)
