"""What every store promises, as tests: one suite for folder, memory, S3 and HTTP alike.

`ReaderConformance` is the reading half, `StoreConformance` the whole. A technology's test module
subclasses one of them and provides the fixture `store` (and, for readers, `reader`).
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from typing import TypeVar

import pytest

from opendata.stores import (
    AlreadyExists,
    LocalFile,
    ObjectReader,
    ObjectStore,
    PreconditionFailed,
)
from opendata.stores.port import version_of
from opendata.wire.errors import Corrupt, InvalidInput, NotFound

Answer = TypeVar("Answer")

ODD_KEYS = [
    "odd/a space and ünïcode",
    "odd/pl+us&amp=1;semi:colon@at,comma",
    "odd/per%20cent%",
    "odd/hash#mark?query=1",
    "odd/brackets[1]{2}(3)~'!*$^`|<>\"",
    "odd/😀/利率.parquet",
    "odd/" + "n" * 255,
    "odd/trailing dot.",
    "odd/two..dots",
]
ILLEGAL_KEYS = [
    "",
    "/absolute",
    "a//b",
    "a/",
    "../up",
    "a/../b",
    "a/./b",
    ".hidden",
    "a/.tmp",
    "back\\slash",
    "nul\0byte",
    "new\nline",
    "long/" + "x" * 256,
    "/".join(["deep"] * 300),
    "lone surrogate \udc80",
]
REGISTRY_KEYS = [
    "index.json",
    "datasets/getopendata/us-treasury/data.parquet",
    "datasets/getopendata/us-treasury/metadata.json",
    "datasets/getopendata/us-treasury/README.md",
]


class ReaderConformance:
    """The reading half; `store` writes what `reader` reads."""

    @pytest.fixture
    def reader(self, store: ObjectStore) -> ObjectReader:
        return store

    def test_it_is_a_reader_of_the_port(self, reader: ObjectReader) -> None:
        assert isinstance(reader, ObjectReader)

    def test_an_object_is_read_whole(self, store: ObjectStore, reader: ObjectReader) -> None:
        store.put("a/b.txt", b"hello")
        assert reader.get("a/b.txt").data == b"hello"

    def test_an_empty_object_is_an_object(self, store: ObjectStore, reader: ObjectReader) -> None:
        store.put("empty", b"")
        found = reader.stat("empty")
        assert reader.get("empty").data == b""
        assert found and found.size == 0
        assert list(reader.stream("empty")) == []
        assert reader.get_ranges("empty", [(0, 0)]) == [b""]

    @pytest.mark.requirement("S1-22", "S1-23", "S1-24", "S1-25", "S1-26")
    @pytest.mark.parametrize("key", REGISTRY_KEYS)
    def test_stable_keys_of_the_registry_are_overwritten_in_place(
        self, store: ObjectStore, reader: ObjectReader, key: str
    ) -> None:
        store.put(key, b"first release")
        store.put(key, b"second release")
        assert reader.get(key).data == b"second release"

    def test_stat_and_get_agree_on_the_version(
        self, store: ObjectStore, reader: ObjectReader
    ) -> None:
        store.put("k", b"12345")
        found = reader.stat("k")
        assert found and (found.key, found.size) == ("k", 5)
        assert found.token == reader.get("k").token
        assert found.modified_at and found.modified_at.tzinfo == UTC

    def test_what_is_missing_is_named(self, store: ObjectStore, reader: ObjectReader) -> None:
        store.put("another/object", b"")
        for read in _reads(reader, "no/such/object"):
            with pytest.raises(NotFound, match="no/such/object"):
                read()
        assert reader.stat("no/such/object") is None
        assert reader.local_path("no/such/object") is None

    def test_a_prefix_of_keys_is_no_object(self, store: ObjectStore, reader: ObjectReader) -> None:
        store.put("folder/object", b"1")
        assert reader.stat("folder") is None
        with pytest.raises(NotFound):
            reader.get("folder")
        with pytest.raises(NotFound):
            reader.get("folder/object/below")

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_but_legal_keys_come_back_as_they_went(
        self, store: ObjectStore, reader: ObjectReader, key: str
    ) -> None:
        store.put(key, key.encode())
        found = reader.stat(key)
        assert found and found.key == key
        assert reader.get(key).data == key.encode()
        assert reader.get_ranges(key, [(0, 3)]) == [b"odd"]

    @pytest.mark.parametrize("key", ILLEGAL_KEYS)
    def test_illegal_keys_are_refused_everywhere(self, reader: ObjectReader, key: str) -> None:
        for use in (*_reads(reader, key), lambda: reader.stat(key)):
            with pytest.raises(InvalidInput):
                use()

    def test_ranges_come_back_in_the_asked_order(
        self, store: ObjectStore, reader: ObjectReader
    ) -> None:
        data = bytes(range(256)) * 20_000  # 5 MB, so that distant ranges are not merged
        store.put("big", data)
        ranges = [(4_000_000, 100), (0, 10), (5, 10), (10, 0), (4_000_050, 100), (len(data) - 1, 1)]
        expected = [data[offset : offset + length] for offset, length in ranges]
        assert reader.get_ranges("big", ranges) == expected
        assert reader.get_ranges("big", []) == []

    @pytest.mark.parametrize("ranges", [[(8, 3)], [(0, 2), (10, 1)], [(11, 5)], [(100, 1)]])
    def test_an_object_that_ends_before_a_range_does_is_corrupt(
        self, store: ObjectStore, reader: ObjectReader, ranges: list[tuple[int, int]]
    ) -> None:
        store.put("short", b"0123456789")
        with pytest.raises(Corrupt, match="short") as caught:
            reader.get_ranges("short", ranges)
        assert caught.value.details["size_bytes"] == 10

    def test_an_object_beyond_the_asked_size_is_refused_unread(
        self, store: ObjectStore, reader: ObjectReader
    ) -> None:
        store.put("small/latest.json", b"0123456789")
        assert reader.get("small/latest.json", max_bytes=10).data == b"0123456789"
        with pytest.raises(Corrupt, match=r"small/latest\.json has 10 bytes") as caught:
            reader.get("small/latest.json", max_bytes=9)
        assert caught.value.code == "object_too_large"
        assert caught.value.details["object"] == "small/latest.json"

    def test_a_stream_says_which_version_it_is_of(
        self, store: ObjectStore, reader: ObjectReader
    ) -> None:
        store.put("streamed", b"0123456789")
        stream = reader.stream("streamed")
        assert version_of(stream) is None  # nothing was asked for yet
        assert b"".join(stream) == b"0123456789"
        assert version_of(stream) == reader.stat("streamed")

    def test_negative_ranges_are_refused(self, store: ObjectStore, reader: ObjectReader) -> None:
        store.put("k", b"123")
        for bad in ((-1, 2), (0, -1)):
            with pytest.raises(InvalidInput):
                reader.get_ranges("k", [bad])

    def test_a_large_object_streams_in_pieces(
        self, store: ObjectStore, reader: ObjectReader
    ) -> None:
        data = bytes(range(256)) * 10_000
        store.put("large", data)
        pieces = list(reader.stream("large", chunk_bytes=500_000))
        assert b"".join(pieces) == data
        assert max(len(piece) for piece in pieces) <= 500_000

    def test_the_address_is_printable(self, reader: ObjectReader) -> None:
        assert reader.url
        assert reader.url in repr(reader)
        assert "secret" not in reader.url + repr(reader)


class StoreConformance(ReaderConformance):
    """The whole port."""

    race_threads = 16
    race_rounds = 20
    counter_threads = 8
    counter_increments = 10

    def test_it_is_a_store_of_the_port(self, store: ObjectStore) -> None:
        assert isinstance(store, ObjectStore)

    # --- writing -----------------------------------------------------------------

    def test_a_write_returns_the_version_that_it_made(self, store: ObjectStore) -> None:
        first = store.put_new("k", b"1")
        assert store.get("k").token == first
        second = store.put_if_match("k", b"2", first)
        assert store.get("k").token == second
        third = store.put("k", b"3", content_type="application/json")
        assert store.get("k").token == third
        assert len({first, second, third}) == 3

    def test_put_new_never_overwrites(self, store: ObjectStore) -> None:
        store.put_new("k", b"first")
        with pytest.raises(AlreadyExists, match="k already exists"):
            store.put_new("k", b"second")
        with pytest.raises(AlreadyExists):
            store.put_new("k", b"first")
        assert store.get("k").data == b"first"

    @pytest.mark.requirement("B1")
    def test_put_if_match_replaces_only_what_was_read(self, store: ObjectStore) -> None:
        stale = store.put("pointer", b"generation 1")
        store.put_if_match("pointer", b"generation 2", stale)
        with pytest.raises(PreconditionFailed, match="pointer"):
            store.put_if_match("pointer", b"generation 2, by another", stale)
        assert store.get("pointer").data == b"generation 2"

    def test_put_if_match_does_not_create(self, store: ObjectStore) -> None:
        token = store.put("k", b"1")
        store.delete("k")
        with pytest.raises(PreconditionFailed):
            store.put_if_match("k", b"2", token)
        assert store.stat("k") is None

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_a_local_file_is_stored_as_its_bytes(
        self, store: ObjectStore, tmp_path: Path, size: int
    ) -> None:
        source = tmp_path / "payload"
        source.write_bytes(b"x" * size)
        store.put_new("by-put-new", LocalFile(str(source)))
        store.put("by-put", LocalFile(str(source)), content_type="application/x-parquet")
        source.write_bytes(b"changed afterwards")
        for key in ("by-put-new", "by-put"):
            assert store.get(key).data == b"x" * size
        with pytest.raises(AlreadyExists):
            store.put_new("by-put", LocalFile(str(source)))

    def test_a_local_file_must_be_one(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="missing"):
            store.put("k", LocalFile(str(tmp_path / "missing")))
        with pytest.raises(InvalidInput):
            store.put_new("k", LocalFile(str(tmp_path)))
        assert store.stat("k") is None

    @pytest.mark.parametrize("key", ILLEGAL_KEYS)
    def test_illegal_keys_are_not_written(self, store: ObjectStore, key: str) -> None:
        uses: list[Callable[[], object]] = [
            lambda: store.put(key, b"1"),
            lambda: store.put_new(key, b"1"),
            lambda: store.put_if_match(key, b"1", "token"),
            lambda: store.delete(key),
        ]
        for use in uses:
            with pytest.raises(InvalidInput):
                use()
        assert list(store.list("")) == []

    def test_delete_removes_and_may_be_repeated(self, store: ObjectStore) -> None:
        store.put("a/b/c", b"1")
        store.put("a/d", b"2")
        for _ in range(2):
            store.delete("a/b/c")
        assert store.stat("a/b/c") is None
        assert [found.key for found in store.list("")] == ["a/d"]
        store.put_new("a/b/c", b"again")
        assert store.get("a/b/c").data == b"again"

    # --- listing -----------------------------------------------------------------

    def test_list_is_in_byte_order(self, store: ObjectStore) -> None:
        # '-' and '.' sort before '/', '0' after it; a folder's name alone would sort otherwise.
        keys = ["a-b", "a.b", "a/b", "a/b-c", "a/b.c", "a0", "b", "Z", "é", "😀", "\uffee"]
        for key in keys:
            store.put(f"order/{key}", key.encode())
        listed = [found.key for found in store.list("order/")]
        assert listed == sorted((f"order/{key}" for key in keys), key=str.encode)

    def test_a_prefix_is_text_and_not_a_folder(self, store: ObjectStore) -> None:
        for key in ("ab/1", "ab/2", "abc", "abd/x/y", "b"):
            store.put(key, b"")
        assert [one.key for one in store.list("ab")] == ["ab/1", "ab/2", "abc", "abd/x/y"]
        assert [one.key for one in store.list("ab/")] == ["ab/1", "ab/2"]
        assert [one.key for one in store.list("abd/x/y")] == ["abd/x/y"]
        assert [one.key for one in store.list("abd/z")] == []
        assert len(list(store.list(""))) == 5
        for bad in ("/", "a//", "../", ".tmp"):
            with pytest.raises(InvalidInput):
                store.list(bad)

    def test_list_says_what_stat_says(self, store: ObjectStore) -> None:
        store.put("a/b", b"12345")
        assert list(store.list("a/")) == [store.stat("a/b")]

    def test_long_listings_are_complete(self, store: ObjectStore) -> None:
        keys = [f"many/{number:04}" for number in range(1_103)]  # S3 pages at 1,000
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(key, b""), keys))
        assert [found.key for found in store.list("many/")] == keys

    # --- races -------------------------------------------------------------------

    @pytest.mark.requirement("B1")
    def test_of_many_put_new_exactly_one_wins(self, store: ObjectStore) -> None:
        def attempt(key: str, number: int) -> bool:
            try:
                store.put_new(key, f"writer {number}".encode())
            except AlreadyExists:
                return False
            return True

        for one_round in range(self.race_rounds):
            key = f"race/{one_round}"
            won = _at_once(self.race_threads, lambda number, key=key: attempt(key, number))
            assert sum(won) == 1
            assert store.get(key).data == f"writer {won.index(True)}".encode()

    @pytest.mark.requirement("B1")
    def test_no_increment_of_a_shared_counter_is_lost(self, store: ObjectStore) -> None:
        store.put_new("counter", b"0")

        def increment_often(_: int) -> None:
            for _ in range(self.counter_increments):
                increment(store, "counter")

        _at_once(self.counter_threads, increment_often)
        total = self.counter_threads * self.counter_increments
        assert store.get("counter").data.split()[0] == str(total).encode()

    def test_readers_see_the_old_bytes_or_the_new_ones(self, store: ObjectStore) -> None:
        versions = [letter * 300_000 for letter in (b"a", b"b")]
        store.put("flipping", versions[0])
        seen: list[bytes] = []

        def act(number: int) -> None:
            for turn in range(10):
                if number == 0:
                    store.put("flipping", versions[turn % 2])
                else:
                    seen.append(store.get("flipping").data)

        _at_once(4, act)
        assert all(data in versions for data in seen)


def increment(store: ObjectStore, key: str) -> None:
    """Add one to the number in an object, by read and compare-and-set.

    Each write has bytes of its own, by which it is known should its answer be lost.
    """
    while True:
        found = store.get(key)
        following = f"{int(found.data.split()[0]) + 1} by {uuid.uuid4()}"
        try:
            store.put_if_match(key, following.encode(), found.token)
        except PreconditionFailed:
            continue
        return


def _reads(reader: ObjectReader, key: str) -> list[Callable[[], object]]:
    return [
        lambda: reader.get(key),
        lambda: reader.get_ranges(key, [(0, 1)]),
        lambda: list(reader.stream(key)),
    ]


def _at_once(count: int, act: Callable[[int], Answer]) -> list[Answer]:
    """Run `act(0)` … `act(count - 1)` in threads that start together."""
    start = threading.Barrier(count)

    def one(number: int) -> Answer:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
