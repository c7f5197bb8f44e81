"""Values of a patch as JSON: what is written reads back to the very same cells."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.releases.patching.cells import CellProblem, cells_of, written_cell

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-35")]

INT64 = st.integers(-(2**63), 2**63 - 1)
# Arrow writes years 1 to 9999; beyond, ticks are counted.
COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), INT64),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(st.characters(exclude_categories=["Cs"]))),
    (pa.binary(), st.binary()),
    (pa.decimal128(20, 4), st.decimals(-(10**15), 10**15, places=4)),
    (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.timestamp("ns"), INT64),
    (pa.timestamp("s", "UTC"), st.integers(-(2**40), 2**40)),
    (pa.time64("ns"), st.integers(0, 86_400 * 10**9 - 1)),
    (pa.time32("s"), st.integers(0, 86_399)),
    (pa.duration("us"), INT64),
    (pa.list_(pa.date32()), st.lists(st.none() | st.integers(0, 30_000))),
    (pa.struct([("a", pa.int64()), ("b", pa.string())]), st.fixed_dictionaries({"a": INT64})),
    (pa.map_(pa.string(), pa.int32()), st.lists(st.tuples(st.text("ab"), st.integers(0, 9)))),
]


@given(st.data())
def test_cells_come_back_as_they_were(data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(COLUMNS))
    column = pa.array(data.draw(st.lists(st.none() | values, max_size=5)), kind)
    written = json.loads(json.dumps([written_cell(cell) for cell in column], allow_nan=False))
    back = cells_of(written, kind)
    assert [repr(written_cell(cell)) for cell in back] == [repr(cell) for cell in written]
    if not pa.types.is_floating(kind):
        assert back.equals(column)


def test_special_floats_are_text() -> None:
    column = pa.array([math.nan, math.inf, -0.0, 0.5])
    written = [written_cell(cell) for cell in column]
    assert written == ["nan", "inf", "-0.0", 0.5]
    assert math.copysign(1, cells_of(written, pa.float64())[2].as_py()) == -1


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, pa.int32()),
        (True, pa.int32()),
        (300, pa.int8()),
        (2**53 + 1, pa.float64()),
        (1, pa.string()),
        (1, pa.bool_()),
        ("yes", pa.bool_()),
        ("2024-02-30", pa.date32()),
        (2024, pa.date32()),
        ("2024-01-01T06:00", pa.date32()),
        ("2024-01-01T06:00+01:00", pa.timestamp("us")),
        ("06:30:00.5", pa.time32("s")),
        (Decimal("1.234"), pa.decimal128(5, 2)),
        ("?", pa.binary()),
        ("a", pa.list_(pa.string())),
        ({"c": 1}, pa.struct([("a", pa.int64())])),
    ],
)
def test_a_value_that_would_become_another_one_is_refused(value: Any, kind: pa.DataType) -> None:
    with pytest.raises(CellProblem) as refused:
        cells_of([None, value], kind)
    assert refused.value.at == 1


def test_what_yaml_calls_no_number_is_read_in_quotes() -> None:
    assert [repr(x) for x in cells_of([".nan", ".inf", "-.Inf"], pa.float64()).to_pylist()] == [
        "nan", "inf", "-inf",
    ]  # fmt: skip


def test_times_are_read_as_people_write_them() -> None:
    read = cells_of(["2024-03-01", "2024-03-01 06:00", "2024-03-01T07:00:00+01:00"],
                    pa.timestamp("us", "UTC"))  # fmt: skip
    assert [written_cell(cell) for cell in read] == [
        "2024-03-01T00:00:00Z", "2024-03-01T06:00:00Z", "2024-03-01T06:00:00Z",
    ]  # fmt: skip
