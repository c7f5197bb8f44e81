"""Limits before decode: bytes that are what was published and would still fill the memory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.workbench.shard_writer import describe_chunks
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import make_bench
from opendata.reading import limits, source
from opendata.reading.cache import Cache
from opendata.reading.frames import Format, read_frame
from opendata.reading.pages import BadPage, pages_of
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores import FolderStore
from opendata.stores.port import ObjectStore
from opendata.wire import codec, keys
from opendata.wire.chunks import ChunkList
from opendata.wire.codec import read_json
from opendata.wire.codec import replace as changed
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import FieldEntry, FileEntry, Manifest

TABLE = pa.table(
    {"a": pa.array(range(1000), pa.int64()), "b": [f"text {at}" for at in range(1000)]}
)


class Publisher:
    """Somebody who publishes what they like: every digest is right, and only the digests are."""

    def __init__(self, folder: Path) -> None:
        self.store: ObjectStore = FolderStore(str(folder / "store"))
        bench = make_bench(self.store, folder)
        bench.release(TABLE)
        self._honest = bench.current.manifest
        self._folder = folder

    def file(self, table: pa.Table, **options: Any) -> bytes:
        """A Parquet file of the table."""
        path = self._folder / "file.parquet"
        pq.write_table(table, path, compression="zstd", store_schema=False, **options)
        return path.read_bytes()

    def described(self, data: bytes) -> ChunkList:
        """The chunk list of a Parquet file."""
        path = self._folder / "described.parquet"
        path.write_bytes(data)
        return describe_chunks(path, [{}] * pq.read_metadata(path).num_row_groups)

    def publish(
        self,
        data: bytes,
        rows: int,
        schema: pa.Schema,
        *,
        chunks: ChunkList | None = None,
        lie: Callable[[ChunkList], ChunkList] = lambda chunks: chunks,
    ) -> Manifest:
        """A manifest that names these bytes, with the chunk list that goes with them, or a lie."""
        digest = hashlib.sha256(data).hexdigest()
        found = changed(chunks or self.described(data), file_sha256=digest, size_bytes=len(data))
        footer = changed(found.footer, sha256=digest_of(data[found.footer.offset :]))
        found = changed(found, footer=footer)
        listed = lie(found).to_bytes()
        for content in (data, listed):
            self.store.put(keys.object_key(digest_of(content)), content)
        entry = FileEntry(
            name="all",
            path=keys.object_key(digest),
            sha256=digest,
            size_bytes=len(data),
            row_count=rows,
            chunks=keys.object_key(digest_of(listed)),
            content_hash="",
        )
        fields = tuple(FieldEntry(name=field.name, type=str(field.type)) for field in schema)
        return changed(
            self._honest, files=(entry,), schema=fields, row_count=rows, size_bytes=len(data)
        )


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path)


def refusal(publisher: Publisher, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the release is refused: the same from a folder, whole, by ranges, and as any frame."""
    messages = set()

    def asked(act: Callable[[Access], Any], reader: Any) -> None:
        with pytest.raises(Corrupt) as refused:
            act(Access(reader, Cache(None), ReadStats()))
        assert refused.value.hint
        messages.add(refused.value.message)

    for reader in (publisher.store, Remote(publisher.store)):
        asked(lambda access: read_table(access, manifest), reader)
        asked(lambda access: list(read_batches(access, manifest, batch_size=10)), reader)
        asked(lambda access: read_frame(access, manifest, "pandas"), reader)
        asked(lambda access: read_frame(access, manifest, "polars"), reader)
    with monkeypatch.context() as patched:
        patched.setattr(source, "SMALL_OBJECT_BYTES", 0)
        patched.setattr(source, "WHOLE_FROM_SHARE", 1.1)
        asked(lambda access: read_table(access, manifest), Remote(publisher.store))
    (message,) = messages
    assert manifest.files[0].path in message or manifest.files[0].chunks in message
    return message


def varint(number: int) -> bytes:
    """As Thrift's compact protocol writes a whole number."""
    number, data = number * 2, b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def with_footer_numbers(data: bytes, old: int, new: int) -> bytes:
    """The file with one number exchanged for another of the same length, all over its footer."""
    length = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - length], data[-8 - length :]
    assert len(varint(old)) == len(varint(new))
    assert varint(old) in footer
    return body + footer.replace(varint(old), varint(new))


@pytest.mark.requirement("S1-59")
@pytest.mark.parametrize("format", ["arrow", "pandas", "polars"])
def test_pages_of_a_file_are_looked_at_once_and_again_under_a_narrower_limit(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Format
) -> None:
    manifest = publisher.publish(publisher.file(TABLE), 1000, TABLE.schema)
    path = publisher.store.local_path(manifest.files[0].path)
    past = time.time() - 10
    os.utime(str(path), (past, past))
    looked_at = []

    def watched(chunk: Any) -> Any:
        looked_at.append(len(chunk))
        return pages_of(chunk)

    def read(columns: list[str] | None) -> int:
        looked_at.clear()
        access = Access(publisher.store, Cache(str(tmp_path / "cache")), ReadStats())
        read_frame(access, manifest, format, columns=columns)
        return len(looked_at)

    monkeypatch.setattr(limits, "pages_of", watched)
    assert [read(["a"]), read(["a"]), read(None), read(None), read(["b"])] == [1, 0, 2, 0, 0]
    monkeypatch.setattr(limits, "GROUP_BYTES_MAX", 1000)
    with pytest.raises(Corrupt, match="would become"):
        read(None)


# --- footers that lie ----------------------------------------------------------------


@pytest.mark.requirement("S1-59")
def test_an_honest_file_is_read(publisher: Publisher) -> None:
    manifest = publisher.publish(publisher.file(TABLE), 1000, TABLE.schema)
    access = Access(publisher.store, Cache(None), ReadStats())
    assert read_table(access, manifest).equals(TABLE)
    assert read_frame(access, manifest, "polars").equals(pl.from_arrow(TABLE))


def test_a_footer_of_more_rows_than_its_pages_have_is_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_footer_numbers(publisher.file(TABLE), 1000, 8000)
    manifest = publisher.publish(data, 8000, TABLE.schema)
    assert "its pages have 1000 values, the footer says 8000" in refusal(
        publisher, manifest, monkeypatch
    )


def test_a_footer_of_more_rows_than_were_published_is_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = publisher.file(TABLE)
    data = with_footer_numbers(honest, 1000, 8000)
    manifest = publisher.publish(data, 1000, TABLE.schema, chunks=publisher.described(honest))
    assert "has a footer of 8000 rows" in refusal(publisher, manifest, monkeypatch)


def test_pages_that_become_larger_than_the_footer_says_are_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = publisher.file(TABLE, use_dictionary=False)
    said = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(0).total_uncompressed_size
    lying = with_footer_numbers(data, said, said - 100)
    manifest = publisher.publish(lying, 1000, TABLE.schema)
    assert "its pages are larger than the footer says" in refusal(publisher, manifest, monkeypatch)


def test_a_footer_that_places_a_column_elsewhere_is_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(chunks: ChunkList) -> ChunkList:
        (group,) = chunks.row_groups
        first, second = group.columns
        columns = (changed(first, bytes=second.bytes), changed(second, bytes=first.bytes))
        return changed(chunks, row_groups=(changed(group, columns=columns),))

    manifest = publisher.publish(publisher.file(TABLE), 1000, TABLE.schema, lie=swapped)
    assert "has a footer that places a elsewhere" in refusal(publisher, manifest, monkeypatch)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"file_sha256": "0" * 64}, "is the chunk list of another file"),
        ({"size_bytes": 5}, "is the chunk list of another file"),
        ({"row_groups": ()}, "counts 0 rows"),
    ],
)
def test_a_chunk_list_of_something_else_is_refused(
    publisher: Publisher, lie: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = publisher.publish(
        publisher.file(TABLE), 1000, TABLE.schema, lie=lambda chunks: changed(chunks, **lie)
    )
    assert said in refusal(publisher, manifest, monkeypatch)


def test_what_is_no_parquet_at_all_is_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = publisher.file(TABLE)
    length = int.from_bytes(honest[-8:-4], "little")
    data = honest[: -8 - length] + b"\xff" * length + honest[-8:]
    chunks = publisher.described(honest)
    manifest = publisher.publish(data, 1000, TABLE.schema, chunks=chunks)
    assert "is no readable Parquet" in refusal(publisher, manifest, monkeypatch)


# --- bombs ---------------------------------------------------------------------------


@pytest.mark.requirement("S1-59")
def test_a_text_that_repeats_into_sixty_gigabytes_is_refused(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = pa.array(np.zeros(65_536, np.int32))
    bomb = pa.table({"a": pa.DictionaryArray.from_arrays(codes, ["x" * 1_000_000])})
    data = publisher.file(bomb)
    assert len(data) < 10_000
    manifest = publisher.publish(data, 65_536, pa.schema([("a", pa.string())]))
    assert "would become 65,5" in refusal(publisher, manifest, monkeypatch)


def test_many_texts_of_which_only_one_is_long_are_read(publisher: Publisher) -> None:
    texts = ["x" * 200_000, *(f"text {at}" for at in range(65_535))]
    table = pa.table({"a": texts})
    manifest = publisher.publish(publisher.file(table), 65_536, table.schema)
    assert read_table(Access(publisher.store, Cache(None), ReadStats()), manifest).equals(table)


@pytest.mark.requirement("S1-59")
@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (pa.table({"a": pa.array(np.zeros(2_000_000, np.int64))}), 2_000_000),
        (pa.table({"a": pa.array([[0] * 4_000_000], pa.list_(pa.int8()))}), 1),
        (pa.table({"a": ["0" * 16_000_000]}), 1),
    ],
    ids=["one number", "one list", "one text"],
)
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_a_row_group_that_unpacks_into_too_much_is_refused(
    publisher: Publisher,
    table: pa.Table,
    rows: int,
    use_dictionary: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "GROUP_BYTES_MAX", 15_000_000)
    data = publisher.file(table, use_dictionary=use_dictionary, row_group_size=rows)
    assert len(data) < 40_000
    manifest = publisher.publish(data, rows, table.schema)
    message = refusal(publisher, manifest, monkeypatch)
    assert "in memory; at most 15,000,000 are decoded at once" in message


def test_one_column_of_a_release_can_be_read_where_all_would_be_too_much(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GROUP_BYTES_MAX", 100_000)
    table = pa.table({"a": pa.array(range(1000)), "b": ["x" * 1000] * 1000})
    manifest = publisher.publish(publisher.file(table), 1000, table.schema)
    access = Access(publisher.store, Cache(None), ReadStats())
    assert read_table(access, manifest, columns=["a"]).equals(table.select(["a"]))
    with pytest.raises(Corrupt, match="would become"):
        read_table(access, manifest)


# --- page headers --------------------------------------------------------------------


def test_pages_are_counted_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "pages.parquet"
    for version in ("1.0", "2.0"):
        pq.write_table(
            TABLE, path, data_page_size=500, data_page_version=version, write_batch_size=50
        )
        data, group = path.read_bytes(), pq.read_metadata(path).row_group(0)
        for index in range(group.num_columns):
            column = group.column(index)
            begin = column.dictionary_page_offset or column.data_page_offset
            pages = list(pages_of(data[begin : begin + column.total_compressed_size]))
            assert len(pages) > 3
            assert sum(page.size for page in pages) == column.total_uncompressed_size
            assert sum(page.values for page in pages if not page.is_dictionary) == 1000


@pytest.mark.parametrize("chunk", [b"\x00", b"\x15", b"\xff" * 40, b"\x1b" * 100, b"\x1c" * 500])
def test_what_is_no_page_header_is_no_page(chunk: bytes) -> None:
    with pytest.raises(BadPage):
        list(pages_of(chunk))


# --- documents -----------------------------------------------------------------------


def test_a_document_that_is_too_large_or_too_deep_is_not_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Corrupt, match=r"deep\.json"):
        read_json(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deep.json")
    monkeypatch.setattr(codec, "DOCUMENT_BYTES_MAX", 10)
    with pytest.raises(Corrupt, match=r"large\.json has 11 bytes") as refused:
        read_json(b'{"a": "bc"}', "large.json")
    assert refused.value.hint
