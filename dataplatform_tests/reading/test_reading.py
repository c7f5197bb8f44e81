"""Reading: the asked rows and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.reading.library import (
    FIRST_DAY,
    SECTIONS,
    TABLE,
    Library,
)
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import make_bench
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores import FolderStore


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
