"""Reading: the asked rows and no others, from as few bytes as that takes, each of them verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.golden.tables import SAMPLES, all_types, sample
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import Bench, make_bench
from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.reading import source
from opendata.reading.cache import Cache
from opendata.reading.release_schema import release_schema
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectReader
from opendata.wire.chunks import read_chunk_list
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, Unavailable

FIRST_DAY = 20_454  # 2026-01-01
SECTIONS: dict[str, Any] = {
    "time": "day",
    "release": {"shard": "month"},
    "contract": {
        "primary_key": ["day", "country"],
        "fields": [
            {"name": "day", "type": "date32", "nullable": False},
            {"name": "country", "type": "string", "nullable": False},
            {"name": "rate", "type": "float64", "aliases": ["yield"], "unit": "percent"},
            {"name": "note", "type": "string"},
        ],
    },
}


def countries(days: int = 90) -> pa.Table:
    """Three countries a day over three months: rates with gaps, and notes that take room."""
    count = days * 3
    return pa.table(
        {
            "day": pa.array([FIRST_DAY + at // 3 for at in range(count)], pa.int32()).cast(
                pa.date32()
            ),
            "country": pa.array([("AT", "DE", "US")[at % 3] for at in range(count)]),
            "rate": pa.array([None if at % 7 == 0 else at / 4 for at in range(count)]),
            "note": pa.array([f"{at:05} " * 40 for at in range(count)]),
        }
    )


TABLE = countries()


@dataclass
class Library:
    """A published data set, and ways to read it."""

    bench: Bench

    def access(self, reader: ObjectReader, cache: Cache | None = None) -> Access:
        return Access(reader, cache or Cache(None), ReadStats())

    def read(self, access: Access, **asked: Any) -> pa.Table:
        return read_table(access, self.bench.current.manifest, **asked)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    bench = make_bench(FolderStore(str(tmp_path / "store")), tmp_path, group_rows=30, **SECTIONS)
    bench.release(TABLE)
    return Library(bench)


@pytest.fixture
def piecewise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small objects by ranges, as large ones are."""
    monkeypatch.setattr(source, "SMALL_OBJECT_BYTES", 0)
    monkeypatch.setattr(source, "WHOLE_FROM_SHARE", 1.1)


# --- the right rows ------------------------------------------------------------------


@pytest.mark.requirement("S1-11", "S1-12", "S1-58")
@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, 90),
        ("2026-01-31", None, 60),
        (None, "2026-01-31", 31),
        ("2026-01-31", "2026-02-01", 2),  # both ends are inclusive
        ("2026-02-01", "2026-02-01", 1),
        ("2025-12-31", "2026-04-30", 90),
        ("2026-04-01", None, 0),
        ("2026-01-01T00:00:01Z", "2026-01-03", 2),  # a day counts from its midnight
        ("2026-01-01T06:00:00Z", "2026-01-01T18:00:00Z", 0),
    ],
)
def test_an_interval_is_inclusive_at_both_ends(
    library: Library, start: str | None, end: str | None, days: int
) -> None:
    found = library.read(library.access(library.bench.store), start=start, end=end)
    assert found.num_rows == days * 3
    assert found.schema.equals(TABLE.schema)


@pytest.mark.requirement("S1-58")
def test_columns_come_as_asked_and_by_their_aliases(library: Library) -> None:
    access = library.access(library.bench.store)
    assert library.read(access, columns=["rate", "day"]).equals(TABLE.select(["rate", "day"]))
    assert library.read(access, columns=["yield"]).equals(TABLE.select(["rate"]))
    filtered = library.read(access, columns=["note"], filters=[("yield", ">", 60)])
    assert filtered.equals(TABLE.filter(pc.field("rate") > 60).select(["note"]))


RATE, DAY = pc.field("rate"), pc.field("day").cast(pa.int32())


@pytest.mark.requirement("S1-58")
@pytest.mark.parametrize(
    ("filters", "plain"),
    [
        ([("country", "==", "US")], pc.field("country") == "US"),
        ([("country", "=", "US")], pc.field("country") == "US"),
        ([("country", "!=", "US")], pc.field("country") != "US"),
        ([("country", "in", ["US", "XX"])], pc.field("country") == "US"),
        ([("country", "not in", ["US"])], pc.field("country") != "US"),
        (("country", "==", "US"), pc.field("country") == "US"),
        ([("rate", ">", 10), ("rate", "<=", 20.5)], (RATE > 10) & (RATE <= 20.5)),
        ([[("rate", "<", 1)], [("rate", ">", 60)]], (RATE < 1) | (RATE > 60)),
        ([("day", ">=", "2026-03-01")], DAY >= FIRST_DAY + 59),
        ([("day", "<", "2026-01-01T12:00:00Z")], DAY <= FIRST_DAY),
        ([("day", ">", "2026-03-31T00:00:01Z")], pc.scalar(False)),
        ([("day", "==", "2026-01-01T12:00:00Z")], pc.scalar(False)),
        ([("rate", "not in", [1.0])], ~RATE.isin([1.0])),
        ([("rate", "in", [None])], RATE.is_null()),
        ([("rate", "is null")], RATE.is_null()),
        ([("rate", "is not null")], RATE.is_valid()),
        ([], pc.scalar(True)),
        ([[]], pc.scalar(True)),
    ],
)
def test_filters_keep_the_rows_that_arrow_would_keep(
    library: Library, filters: Any, plain: pc.Expression
) -> None:
    access = library.access(library.bench.store)
    assert library.read(access, filters=filters).equals(TABLE.filter(plain))


OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
CLAUSES = st.one_of(
    st.tuples(st.just("rate"), st.sampled_from(OPERATORS), st.sampled_from([0, 5.25, 40, 999])),
    st.tuples(
        st.just("country"), st.sampled_from(OPERATORS), st.sampled_from(["AT", "CH", "US", ""])
    ),
    st.tuples(
        st.just("country"),
        st.sampled_from(["in", "not in"]),
        st.lists(st.sampled_from(["AT", "DE", "XX"]), max_size=2),
    ),
)
DAYS = st.one_of(st.none(), st.integers(-3, 95))


@pytest.mark.requirement("S1-58", "S1-59")
@given(
    st.lists(st.lists(CLAUSES, min_size=1, max_size=3), max_size=2),
    DAYS,
    DAYS,
    st.lists(st.sampled_from(TABLE.column_names), min_size=1, max_size=3, unique=True),
    st.sampled_from([1, 7, 1000]),
)
def test_any_question_has_the_same_answer_however_it_is_read(
    shared: Sequence[Access],
    alternatives: list[list[tuple[str, str, Any]]],
    first: int | None,
    last: int | None,
    columns: list[str],
    batch_size: int,
) -> None:
    if first is not None and last is not None and first > last:
        first, last = last, first
    expected = TABLE
    if alternatives:
        expected = expected.filter(any_of([all_of(clauses) for clauses in alternatives]))
    if first is not None:
        expected = expected.filter(FIRST_DAY + first <= DAY)
    if last is not None:
        expected = expected.filter(FIRST_DAY + last >= DAY)
    expected = expected.select(columns)
    asked: dict[str, Any] = {
        "start": day_text(first),
        "end": day_text(last),
        "columns": columns,
        "filters": alternatives,
    }
    for access in shared:
        manifest = SHARED["manifest"]
        assert read_table(access, manifest, **asked).equals(expected)
        batches = list(read_batches(access, manifest, batch_size=batch_size, **asked))
        assert pa.Table.from_batches(batches, expected.schema).equals(expected)
        assert all(batch.num_rows == batch_size for batch in batches[:-1])


SHARED: dict[str, Any] = {}


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Access]]:
    """One release, read in every way: from a folder, by ranges, whole, and through a cache."""
    with TemporaryDirectory() as folder:
        store = FolderStore(f"{folder}/store")
        bench = make_bench(store, Path(folder), group_rows=30, **SECTIONS)
        bench.release(TABLE)
        SHARED["manifest"] = bench.current.manifest
        readers = [store, Remote(store), Remote(store)]
        caches = [Cache(f"{folder}/of-files"), Cache(None), Cache(f"{folder}/cache")]
        yield [
            Access(reader, cache, ReadStats())
            for reader, cache in zip(readers, caches, strict=True)
        ]


def day_text(offset: int | None) -> str | None:
    return None if offset is None else str(date(2026, 1, 1) + timedelta(days=offset))


def any_of(parts: list[pc.Expression]) -> pc.Expression:
    total = parts[0]
    for part in parts[1:]:
        total = total | part
    return total


def all_of(clauses: list[tuple[str, str, Any]]) -> pc.Expression:
    total = pc.scalar(True)
    for name, operator, value in clauses:
        field = pc.field(name)
        comparisons = {
            "==": lambda f, v: f == v,
            "!=": lambda f, v: f != v,
            "<": lambda f, v: f < v,
            "<=": lambda f, v: f <= v,
            ">": lambda f, v: f > v,
            ">=": lambda f, v: f >= v,
            "in": lambda f, v: f.isin(pa.array(v, pa.string())),
            "not in": lambda f, v: ~f.isin(pa.array(v, pa.string())),
        }
        total = total & comparisons[operator](field, value)
    return total


# --- from few bytes ------------------------------------------------------------------


@pytest.mark.requirement("S1-27", "S1-59")
def test_shards_and_row_groups_that_cannot_match_are_not_read(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    found = library.read(access, start="2026-02-21", end="2026-02-28", columns=["rate"])
    stats = access.stats
    assert found.num_rows == 24
    assert (stats.shards_read, stats.shards_skipped) == (1, 2)
    assert (stats.row_groups_read, stats.row_groups_skipped) == (1, 2)
    february = library.bench.current.manifest.files[1]
    assert set(remote.requests) == {february.path, february.chunks}
    assert stats.bytes_read <= february.size_bytes < stats.bytes_total


@pytest.mark.requirement("S1-59")
def test_a_question_that_no_shard_can_answer_costs_no_request(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    assert library.read(access, start="2027-01-01").num_rows == 0
    assert library.read(access, filters=[("country", ">", "ZZ")]).num_rows == 0
    assert remote.requests == []
    assert access.stats.shards_skipped == 6


@pytest.mark.requirement("S1-58", "S1-59")
@pytest.mark.usefixtures("piecewise")
def test_only_the_asked_columns_are_fetched(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    assert library.read(access, columns=["country"]).equals(TABLE.select(["country"]))
    for entry in library.bench.current.manifest.files:
        chunks = read_chunk_list(library.bench.store.get(entry.chunks).data, entry.chunks)
        for group in chunks.row_groups:
            for column in group.columns:
                asked = remote.fetched(entry.path, column.bytes.offset)
                assert asked == (column.path == "country")
    lists = sum(
        stat.size
        for entry in library.bench.current.manifest.files
        if (stat := library.bench.store.stat(entry.chunks))
    )
    assert remote.bytes == access.stats.bytes_read + lists
    assert access.stats.bytes_read < access.stats.bytes_total


def test_small_objects_and_most_of_large_ones_are_fetched_whole(library: Library) -> None:
    remote = Remote(library.bench.store)
    library.read(library.access(remote))
    assert remote.ranges == []
    assert len(remote.requests) == 6  # a shard and its chunk list, three times


# --- and each of them verified -------------------------------------------------------


@pytest.mark.requirement("S4-8", "S1-59")
@pytest.mark.usefixtures("piecewise")
def test_a_damaged_part_is_found_where_it_is_read_and_not_fetched_where_it_is_not(
    library: Library,
) -> None:
    store, entry = library.bench.store, library.bench.current.manifest.files[1]
    sound = store.get(entry.path).data
    chunks = read_chunk_list(store.get(entry.chunks).data, entry.chunks)
    remote = Remote(store)
    for column in chunks.row_groups[1].columns:
        at = column.bytes.offset + column.bytes.length // 2
        store.put(entry.path, sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(Corrupt) as refused:
            library.read(library.access(remote), columns=[column.path])
        assert entry.path in refused.value.message
        for other in set(TABLE.column_names) - {column.path}:
            remote.ranges.clear()
            found = library.read(library.access(remote), columns=[other])
            assert found.equals(TABLE.select([other]))
            assert not remote.fetched(entry.path, at)
        outside = library.read(library.access(remote), end="2026-01-31", columns=[column.path])
        assert outside.num_rows == 93
    footer = chunks.footer.offset + 5
    store.put(entry.path, sound[:footer] + bytes([sound[footer] ^ 1]) + sound[footer + 1 :])
    with pytest.raises(Corrupt, match=entry.path):
        library.read(library.access(remote), columns=["rate"])


@pytest.mark.usefixtures("piecewise")
def test_an_object_that_ends_too_early_is_named(library: Library) -> None:
    store, entry = library.bench.store, library.bench.current.manifest.files[0]
    store.put(entry.path, store.get(entry.path).data[:200])
    with pytest.raises(Corrupt, match=entry.path):
        library.read(library.access(Remote(store)), columns=["note"])


# --- the cache, and no network -------------------------------------------------------


class FarSettings(Settings):
    """Settings that lead to a given reader."""

    def __init__(self, remote: Remote, cache: Path) -> None:
        super().__init__({"OPENDATA_CACHE": str(cache)}, cache)
        object.__setattr__(self, "_remote", remote)

    def reader(self) -> ObjectReader:
        return self._remote  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def remote(library: Library) -> Remote:
    return Remote(library.bench.store)


@pytest.fixture
def far(remote: Remote, tmp_path: Path) -> FarSettings:
    return FarSettings(remote, tmp_path / "downloads")


@pytest.mark.requirement("B14", "S1-11")
def test_what_was_read_before_is_not_fetched_again(far: FarSettings, remote: Remote) -> None:
    first, second = Dataset("tests/rates", far), Dataset("tests/rates", far)
    assert first.load(format="arrow").equals(TABLE)
    remote.requests.clear()
    assert second.load(format="arrow").equals(TABLE)
    assert [key for key in remote.requests if key.startswith("objects/")] == []
    assert (second.stats.cache_hits, second.stats.requests) == (6, 0)
    assert not second.stats.offline


@pytest.mark.requirement("B14", "S1-11")
def test_the_cache_never_hides_a_new_release(far: FarSettings, library: Library) -> None:
    handle = Dataset("tests/rates", far)
    assert handle.load(format="arrow").num_rows == 270
    library.bench.release(countries(91))
    assert handle.load(format="arrow").num_rows == 270  # one handle, one release
    assert Dataset("tests/rates", far).load(format="arrow").equals(countries(91))
    assert Dataset("tests/rates@1.0.0", far).load(format="arrow").equals(TABLE)


@pytest.mark.requirement("B14")
def test_without_a_network_what_was_read_before_is_there_and_says_so(
    far: FarSettings, remote: Remote
) -> None:
    online = Dataset("tests/rates", far)
    online.load()
    assert online.info["title"] == "Rates"
    remote.is_cut = True
    offline = Dataset("tests/rates", far)
    assert offline.load(format="arrow").equals(TABLE)
    assert offline.stats.offline
    assert "offline, from the cache" in str(offline.stats)
    assert offline.info["title"] == "Rates"
    assert next(offline.batches(batch_size=100)).num_rows == 100
    remote.is_cut = False
    again = Dataset("tests/rates", far)
    again.load()
    assert not again.stats.offline


@pytest.mark.requirement("B14")
def test_without_a_network_and_a_memory_one_sentence_says_so(
    far: FarSettings, remote: Remote
) -> None:
    remote.is_cut = True
    with pytest.raises(Unavailable, match="never read here before") as refused:
        Dataset("tests/rates", far).load()
    assert refused.value.message.startswith("https://far.example/store does not answer")


def test_what_was_not_read_before_is_not_there_offline(far: FarSettings, remote: Remote) -> None:
    Dataset("tests/rates", far).load(end="2026-01-31")
    remote.is_cut = True
    assert Dataset("tests/rates", far).load(end="2026-01-31", format="arrow").num_rows == 93
    with pytest.raises(Unavailable):
        Dataset("tests/rates", far).load()


def test_a_store_that_says_there_is_no_such_data_set_is_believed(
    far: FarSettings, library: Library
) -> None:
    Dataset("tests/rates", far).load()
    library.bench.store.delete("datasets/tests/rates/latest.json")
    with pytest.raises(NotFound, match="is not published"):
        Dataset("tests/rates", far).load()


# --- words ---------------------------------------------------------------------------


@pytest.mark.requirement("S1-58", "S1-77")
@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"columns": ["rates"]}, "rate"),
        ({"columns": ["Country"]}, "country"),
        ({"columns": ["yeild"]}, "yield"),
        ({"filters": [("contry", "==", "US")]}, "country"),
    ],
)
def test_a_wrong_column_is_answered_with_a_question(
    library: Library, asked: dict[str, Any], meant: str
) -> None:
    with pytest.raises(NotFound, match="has no column") as refused:
        library.read(library.access(library.bench.store), **asked)
    assert f"did you mean {meant!r}?" in (refused.value.hint or "")


def test_a_column_like_no_other_is_answered_with_those_there_are(library: Library) -> None:
    with pytest.raises(NotFound) as refused:
        library.read(library.access(library.bench.store), columns=["xyzzy"])
    assert refused.value.hint == "columns: day, country, rate, note"


@pytest.mark.requirement("S1-11")
def test_a_wrong_id_is_answered_with_a_question(far: FarSettings) -> None:
    with pytest.raises(NotFound, match="is not published") as refused:
        Dataset("tests/rate", far).load()
    assert "tests/rates" in (refused.value.hint or "")
    with pytest.raises(NotFound, match=r"the current release is 1\.0\.0"):
        Dataset("tests/rates@2.0.0", far).load()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"columns": "day"}, "no list of columns"),
        ({"filters": ["country"]}, "is no filter"),
        ({"filters": [("country", "==")]}, "is no filter"),
        ({"filters": [("country", "like", "U%")]}, "no filter operator"),
        ({"filters": [("country", "in", "US")]}, "a list of values"),
        ({"filters": [("rate", "in", 3)]}, "a list of values"),
        ({"filters": [("rate", ">", "much")]}, "cannot be compared"),
        ({"filters": [("day", ">", "soon")]}, "no date or time"),
        ({"filters": [("day", ">", 5)]}, "no date or time"),
        ({"filters": [("country", "==", 5)]}, "cannot be compared"),
        ({"start": "soon"}, "no date or time"),
        ({"end": 20261231}, "no date or time"),
        ({"start": "2026-02-01", "end": "2026-01-31"}, "ends .* before it starts"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_before_anything_is_fetched(
    library: Library, asked: dict[str, Any], said: str
) -> None:
    remote = Remote(library.bench.store)
    with pytest.raises(InvalidInput, match=said):
        library.read(library.access(remote), **asked)
    assert remote.requests == []


def test_an_interval_needs_a_time_column(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    bench.release(pa.table({"a": [1]}))
    access = Access(bench.store, Cache(None), ReadStats())
    with pytest.raises(InvalidInput, match="no time column"):
        read_table(access, bench.current.manifest, start="2026-01-01")


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_rows(library: Library, batch_size: int) -> None:
    access = library.access(library.bench.store)
    with pytest.raises(InvalidInput, match="at least 1 row"):
        read_batches(access, library.bench.current.manifest, batch_size=batch_size)


# --- types and frames ----------------------------------------------------------------


@pytest.mark.requirement("S1-8", "S1-11")
@pytest.mark.parametrize("kind", SAMPLES, ids=str)
def test_every_type_comes_back_as_it_went(tmp_path: Path, kind: pa.DataType) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    table = pa.concat_tables([sample(kind), sample(kind).slice(0, 1)])
    bench.release(table)
    read = bench.read()
    assert read.schema.field("value").type == kind
    assert read.schema == release_schema(bench.current.manifest)
    expected = sorted(map(repr, table["value"].to_pylist()))
    assert sorted(map(repr, read["value"].to_pylist())) == expected
    empty = read_table(
        Access(bench.store, Cache(None), ReadStats()),
        bench.current.manifest,
        columns=["value"],
    ).slice(0, 0)
    assert empty.schema == read.schema


@pytest.mark.requirement("S1-8")
def test_all_types_together_in_many_small_row_groups(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path, group_rows=2)
    table = pa.concat_tables([all_types()] * 3)
    bench.release(table)
    read = bench.read()
    assert read.schema.equals(table.schema)
    assert read.num_rows == 9
    batches = list(
        read_batches(
            Access(Remote(bench.store), Cache(None), ReadStats()),
            bench.current.manifest,
            batch_size=4,
        )
    )
    assert [batch.num_rows for batch in batches] == [4, 4, 1]


@pytest.mark.requirement("S1-58")
def test_an_empty_answer_has_the_schema_of_a_full_one(far: FarSettings) -> None:
    handle = Dataset("tests/rates", far)
    for asked in ({"start": "2027-01-01"}, {"filters": [("rate", "==", 5.1)]}):
        empty = handle.load(columns=["rate", "day"], format="arrow", **asked)
        assert empty.num_rows == 0
        assert empty.schema == TABLE.select(["rate", "day"]).schema
        assert list(handle.load(columns=["rate", "day"], **asked).columns) == ["rate", "day"]


@pytest.mark.requirement("S1-11", "S1-55")
def test_rows_come_as_the_frame_that_is_asked_for(far: FarSettings) -> None:
    handle = Dataset("tests/rates", far)
    frame = handle.load(columns=["day", "rate"])
    assert isinstance(frame, pd.DataFrame)
    assert str(frame["day"].dtype).startswith("datetime64")
    assert isinstance(handle.load(format="polars"), polars.DataFrame)
    assert isinstance(handle.load(format="arrow"), pa.Table)
    with pytest.raises(InvalidInput, match="is no format"):
        handle.load(format="excel")  # type: ignore[arg-type]
