"""An index answers as a list of its rows would: pages, counts, batches, whatever is asked."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.reading.file_index.lake import (
    JUNE,
    Row,
    parquet_of,
    pictures,
    stored_index,
    table_of,
)
from opendata.reading.file_index.index import FileIndex, open_index
from opendata.reading.file_index.query import Counted, FileQuery, file_query
from opendata.reading.file_index.schema import INDEX_SCHEMA
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Corrupt, InvalidInput
from opendata.wire.keys import digest_of_object_key

pytestmark = pytest.mark.requirement("S0-41", "S0-63")
ROWS = pictures(100, undated=7)


@pytest.fixture(scope="module")
def index() -> FileIndex:
    return stored_index(MemoryStore(), parquet_of(ROWS))


def ids(table: pa.Table | pa.RecordBatch) -> list[str]:
    return list(table.column("file_id").to_pylist())


# --- the law: what a list of rows would answer --------------------------------------

moments = st.one_of(
    st.none(),
    st.builds(lambda n: JUNE + timedelta(seconds=n), st.integers(-120, 60 * 60 * 2)),
)
metadata = st.sampled_from(
    [{}, {"camera_id": "front"}, {"camera_id": "none"}, {"lens.wide": "true"}]
)


@st.composite
def lakes(draw: st.DrawFn) -> tuple[list[Row], bytes]:
    """Any rows in order, many at one time, and some without; in groups of any size."""
    ticks = sorted(draw(st.lists(st.integers(0, 30), max_size=40)))
    count = len(ticks) + draw(st.integers(0, 5))
    rows = [
        Row(
            file_id=f"f{at}",
            relative_path=f"f{at}.jpg",
            timestamp=JUNE + timedelta(minutes=ticks[at]) if at < len(ticks) else None,
            size_bytes=at,
            metadata=json.dumps({"camera_id": "front" if at % 3 else "rear",
                                 "lens": {"wide": at % 2 == 0}}),
        )
        for at in range(count)
    ]  # fmt: skip
    return rows, parquet_of(rows, draw(st.integers(1, 17)))


def answer(rows: list[Row], query: FileQuery) -> list[str]:
    """Which rows are asked for, by looking at each."""

    def asked(row: Row) -> bool:
        facts = json.loads(row.metadata)
        found = {"camera_id": facts["camera_id"], "lens.wide": str(facts["lens"]["wide"]).lower()}
        if any(found[name] != value for name, value in query.metadata.items()):
            return False
        if row.timestamp is None:
            return query.start is None and query.end is None
        return (query.start is None or query.start <= row.timestamp) and (
            query.end is None or row.timestamp <= query.end
        )

    return [row.file_id for row in rows if asked(row)]


@given(
    lake=lakes(),
    start=moments,
    end=moments,
    asked=metadata,
    offset=st.integers(0, 12),
    limit=st.integers(0, 12),
    size=st.integers(1, 12),
)
def test_it_answers_as_a_look_at_every_row_does(
    lake: tuple[list[Row], bytes],
    start: datetime | None,
    end: datetime | None,
    asked: dict[str, str],
    offset: int,
    limit: int,
    size: int,
) -> None:
    rows, data = lake
    query = FileQuery(start, end, asked)
    index = stored_index(MemoryStore(), data)
    expected = answer(rows, query)

    page = index.page(query, offset=offset, limit=limit)
    assert ids(page) == expected[offset : offset + limit]
    assert page.schema == INDEX_SCHEMA

    sizes = {row.file_id: row.size_bytes for row in rows}
    assert index.count(query) == Counted(len(expected), sum(sizes[one] for one in expected))

    batches = list(index.batches(query, size))
    assert [name for batch in batches for name in ids(batch)] == expected
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)

    turned: list[str] = []
    row: int | None = 0
    while row is not None:
        part = index.part(query, row=row, limit=size)
        turned += ids(part.table)
        at_once = index.part_at_once(query, row=row, limit=size)
        assert (at_once is None) == bool(asked)  # all is decoded by now
        assert at_once is None or (ids(at_once.table), at_once.next_row) == (
            ids(part.table),
            part.next_row,
        )
        assert part.next_row is None or len(part.table) == size
        row = part.next_row
    assert turned == expected


# --- examples ------------------------------------------------------------------------


def test_both_ends_of_an_interval_belong_to_it(index: FileIndex) -> None:
    query = file_query("2025-06-01T00:10:00Z", "2025-06-01T00:12:00Z")
    assert ids(index.page(query, offset=0, limit=10)) == ["img_000010", "img_000011", "img_000012"]


def test_a_bare_date_as_end_is_the_whole_day(index: FileIndex) -> None:
    assert index.count(file_query("2025-06-01", "2025-06-01")).files == 100


def test_numpy_s_dates_and_times_are_read_as_others_are(index: FileIndex) -> None:
    day = np.datetime64("2025-06-01")
    assert index.count(file_query(day, day)).files == 100
    first = np.datetime64("2025-06-01T00:10:00", "ns")
    assert index.count(file_query(first, np.datetime64("2025-06-01T00:12"))).files == 3
    with pytest.raises(InvalidInput):
        file_query(np.datetime64("NaT"))


def test_files_without_a_time_come_last_and_only_where_no_interval_is_asked(
    index: FileIndex,
) -> None:
    assert len(index) == 107
    assert index.count(FileQuery()).files == 107
    assert index.count(file_query(start="2000-01-01")).files == 100
    assert ids(index.page(FileQuery(), offset=106, limit=5)) == ["img_000106"]


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        (["camera_id=front"], 36),
        ({"frame": 12}, 1),
        ({"frame": "12.0"}, 1),
        ({"lens.wide": True, "camera_id": "rear"}, 18),
        (["lens=true"], 0),
        (["nothing=there"], 0),
    ],
)
def test_metadata_is_asked_by_value_and_by_a_nested_name(
    index: FileIndex, asked: Any, files: int
) -> None:
    assert index.count(file_query(metadata=asked)).files == files


@pytest.mark.parametrize(
    ("start", "end", "asked", "message"),
    [
        ("yesterday", None, None, "no date or time"),
        ("2025-06-02", "2025-06-01", None, "ends before it starts"),
        (None, None, ["camera"], "name=value"),
        (None, None, ["a=1", "a=2"], "asked to be"),
    ],
)
def test_a_question_that_is_none_says_how_to_ask(
    start: Any, end: Any, asked: Any, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        file_query(start, end, asked)
    assert message in f"{caught.value.message} {caught.value.hint}"


def test_a_page_of_a_kept_row_group_is_decoded_once(
    index: FileIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.page(FileQuery(), offset=0, limit=3)
    monkeypatch.setattr(index._groups, "_decode", lambda *_, **__: pytest.fail("decoded again"))
    assert ids(index.page(FileQuery(), offset=3, limit=2)) == ["img_000003", "img_000004"]


@pytest.mark.parametrize("start", [None, "2025-06-01T00:05:00Z"])
def test_what_would_have_to_be_decoded_is_not_answered_at_once(
    monkeypatch: pytest.MonkeyPatch, start: str | None
) -> None:
    query = file_query(start)
    # An index of its own: those that are open are known to the process by what they hold.
    rows = pictures(101 if start else 102)
    index = stored_index(MemoryStore(), parquet_of(rows))
    with monkeypatch.context() as patched:
        patched.setattr(index._groups, "_decode", lambda *_, **__: pytest.fail("decoded"))
        assert index.part_at_once(query, limit=3) is None
    index.part(query, limit=3)
    assert index.part_at_once(query, limit=3) is not None
    assert index.part_at_once(query, row=40, limit=3) is None  # of another row group


def test_a_file_that_was_changed_since_is_verified_again(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    data = parquet_of(pictures(33))
    index = stored_index(store, data)
    path = Path(store.local_path(index.key) or "")
    path.chmod(0o644)
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(Corrupt, match="sha256"):
        open_index(store, None, index.key, digest_of_object_key(index.key), len(data))


def test_an_empty_index_is_an_index() -> None:
    index = stored_index(MemoryStore(), parquet_of(table_of([])))
    assert len(index) == 0
    assert index.page(FileQuery(), offset=0, limit=5).num_rows == 0
    assert list(index.batches(FileQuery(), 10)) == []
    assert index.count(file_query("2025-01-01", "2026-01-01")) == Counted(0, 0)


@pytest.mark.requirement("S0-64", "S0-86")
def test_nothing_is_decoded_ahead_of_who_takes_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    index = stored_index(MemoryStore(), parquet_of(pictures(96)))
    decoded: list[int] = []
    plain = index._groups._decode

    def counted(numbers: Any, names: Any, **options: Any) -> Any:
        decoded.extend(numbers)
        return plain(numbers, names, **options)

    monkeypatch.setattr(index._groups, "_decode", counted)
    batches = index.batches(FileQuery(), 10)
    seen = [(len(next(batches)), len(decoded)) for _ in range(9)]
    # Groups of 16 rows: the batch after row 10·n needs those up to it, and no other.
    assert seen == [(10, -(-(10 * at) // 16)) for at in range(1, 10)]
    assert not index._groups._kept, "what is streamed is not kept"


def test_many_threads_get_what_one_gets() -> None:
    index = stored_index(MemoryStore(), parquet_of(pictures(200, undated=3)))
    questions = [
        (file_query(JUNE + timedelta(minutes=at), JUNE + timedelta(minutes=at + 40)), at % 7)
        for at in range(0, 190, 5)
    ] * 4

    def ask(question: tuple[FileQuery, int]) -> list[str]:
        query, offset = question
        return ids(index.page(query, offset=offset, limit=25))

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, questions)) == alone
