"""Pruning never loses a row: with statistics and without, the same rows come out."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.adapters.workbench.lanes import Lanes
from dataplatform.adapters.workbench.shard_writer import ShardWriter, Target
from dataplatform.releases.ports import Arrangement
from dataplatform_tests.reading.columns import ORDERED, array_of, comparable, values_of
from opendata.reading.predicates import COMPARISONS, MEMBERSHIPS, NULL_TESTS, compare
from opendata.reading.prune import may_match
from opendata.reading.query import BoundQuery


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.DataType, list[list[Any]]]:
    """A type, and its values in row groups."""
    kind = draw(st.sampled_from(ORDERED))
    value = st.one_of(st.none(), values_of(kind), values_of(kind))
    groups = draw(st.lists(st.lists(value, min_size=1, max_size=4), min_size=1, max_size=4))
    return kind, groups


@st.composite
def filters(draw: st.DrawFn, kind: pa.DataType, present: list[Any]) -> tuple[str, Any]:
    """An operator and a value (or values) to compare with, often one that occurs."""
    known = [value for value in present if value is not None]
    one = st.one_of(values_of(kind), st.sampled_from(known)) if known else values_of(kind)
    operator = draw(st.sampled_from([*COMPARISONS, *MEMBERSHIPS, *NULL_TESTS]))
    if operator in NULL_TESTS:
        return operator, None
    if operator in MEMBERSHIPS:
        return operator, draw(st.lists(st.one_of(one, st.none()), max_size=3))
    return operator, draw(one)


def python_value(kind: pa.DataType, raw: Any) -> Any:
    """What a person would type for a physical value: text for times, numbers as they are."""
    if raw is None or not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return raw
    zoneless = kind if pa.types.is_date(kind) else pa.timestamp(kind.unit)
    return array_of(zoneless, [raw]).cast(pa.string())[0].as_py()


def write(kind: pa.DataType, groups: list[list[Any]], folder: str) -> tuple[Path, Any]:
    schema = pa.schema([("x", kind)])
    path = Path(folder) / "shard.parquet"
    lanes = Lanes()
    arrangement = Arrangement(schema, (), "none", None, {})
    group_rows = max(1, len(groups[0]))  # drawn as well, so that groups are of all sizes
    target = Target(arrangement, lambda name, content: None, lanes, group_rows)
    writer = ShardWriter("all", path, target)
    for values in groups:
        writer.add(pa.RecordBatch.from_arrays([array_of(kind, values)], schema=schema))
    shard = writer.finish().result()
    lanes.close()
    return path, shard


def rows_of(table: pa.Table) -> list[Any]:
    physical = table["x"]
    if pa.types.is_date(physical.type) or pa.types.is_timestamp(physical.type):
        physical = physical.cast(pa.int32() if pa.types.is_date32(physical.type) else pa.int64())
    values = physical.to_pylist()
    return ["NaN" if isinstance(v, float) and math.isnan(v) else v for v in values]


@pytest.mark.requirement("S1-59", "S1-58")
@settings(max_examples=150)
@given(st.data(), columns())
def test_no_row_that_matches_is_ever_skipped(
    data: st.DataObject, column: tuple[pa.DataType, list[list[Any]]]
) -> None:
    kind, groups = column
    operator, raw = data.draw(filters(kind, [value for group in groups for value in group]))
    is_list = operator in MEMBERSHIPS
    typed = [python_value(kind, v) for v in raw] if is_list else python_value(kind, raw)
    predicate = compare("x", kind, operator, typed)
    query = BoundQuery(("x",), ("x",), ("x",), ((predicate,),))
    schema = pa.schema([("x", kind)])
    with TemporaryDirectory() as folder:
        path, shard = write(kind, groups, folder)
        file = pq.ParquetFile(path)
        kept = []
        for index, group in enumerate(shard.chunks.row_groups):
            rows = query.keep(file.read_row_group(index).cast(schema))
            group_matches = may_match(query, group.stats, group.row_count)
            assert group_matches or rows.num_rows == 0
            kept += rows_of(rows)
        assert may_match(query, shard.entry.stats, shard.entry.row_count) or not kept
    everything = pa.table({"x": array_of(kind, [v for group in groups for v in group])})
    plain = everything.filter(plain_filter(kind, operator, raw))
    assert kept == rows_of(plain)


def plain_filter(kind: pa.DataType, operator: str, raw: Any) -> pc.Expression:
    """What pyarrow itself makes of the filter, with values of the column's own type."""
    if operator in NULL_TESTS:
        return pc.field("x").is_null() if operator == "is null" else ~pc.field("x").is_null()
    listed = array_of(kind, raw if operator in MEMBERSHIPS else [raw])
    field, values = pc.field("x"), comparable(listed)
    field = field if values.type == kind else field.cast(values.type)
    if operator in MEMBERSHIPS:
        return field.isin(values) if operator == "in" else ~field.isin(values)
    comparisons = {
        "==": field == values[0],
        "!=": field != values[0],
        "<": field < values[0],
        "<=": field <= values[0],
        ">": field > values[0],
        ">=": field >= values[0],
    }
    return comparisons[operator]
