"""The rows that quarantine takes: found by every kind of rule, and cut out of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.engine import REASON, RULE
from dataplatform.contracts.model import Contract
from dataplatform.contracts.referential import PinnedTable, referential_rules
from dataplatform_tests.adapters.contract_engine.test_references import DIGEST, FLIGHTS, rule
from dataplatform_tests.adapters.parquet import written
from opendata.wire.errors import Rejected

pytestmark = pytest.mark.requirement("S4-43")
ROWS = {
    "n": [1, 2, 3, 4, 5, 6],
    "t": ["a", "b", None, "a", "zz", "b"],
    "x": [0.5, -1.0, float("nan"), None, 2.0, 9.0],
}


def taken_out(
    files: list[str], *rules: dict[str, Any], there: list[str] | None = None
) -> tuple[dict[str, int], list[pa.Table], list[pa.Table]]:
    """What each rule takes, and of each touched file what stays and what is taken."""
    stated = [{"action": "quarantine", "quarantine_max": "100%", **one} for one in rules]
    contract = Contract.model_validate({"rules": stated})
    pinned = {
        one.references: PinnedTable("ns/there", "1.0.0", DIGEST, there or [])
        for one in referential_rules(contract.rules)
    }
    with DuckDBContractEngine().broken_rows(files, contract, pinned=pinned) as broken:
        parts = [list(broken.split(at)) for at in broken.files]
        counts = dict(broken.counts)
    kept = [pa.Table.from_batches([part.kept for part in one]) for one in parts]
    taken = [pa.Table.from_batches([part.taken for part in one]) for one in parts]
    return counts, kept, taken


@pytest.mark.parametrize(
    ("stated", "expected", "reason"),
    [
        ({"kind": "range", "field": "x", "min": 0}, [2, 3], "x not at least 0"),
        ({"kind": "not_null", "fields": ["t", "x"]}, [3, 4], "t, x null"),
        ({"kind": "regex", "field": "t", "pattern": "[a-z]"}, [5], "t not of the form [a-z]"),
        ({"kind": "enum_set", "field": "t", "values": ["a"]}, [2, 5, 6], "t none of a"),
        ({"kind": "unique", "field": "t"}, [1, 2, 4, 6], "t in more than one row"),
        ({"kind": "cross_field", "expr": "n < x"}, [1, 2, 5], "n, x against n < x"),
        ({"kind": "cross_field", "expr": "length(t) < 2"}, [5], "t against length(t) < 2"),
    ],
)
def test_each_kind_of_rule_takes_the_rows_that_break_it(
    tmp_path: Path, stated: dict[str, Any], expected: list[int], reason: str
) -> None:
    counts, [kept], [taken] = taken_out([written(tmp_path, ROWS)], stated)
    assert taken.column("n").to_pylist() == expected
    assert sorted([*kept.column("n").to_pylist(), *expected]) == ROWS["n"]
    assert set(taken.column(REASON).to_pylist()) == {reason}
    assert list(counts.values()) == [len(expected)]


def test_values_without_a_reference_are_taken(tmp_path: Path) -> None:
    there = written(tmp_path, {"key": ["a", "b"]}, "there.parquet")
    stated = rule(["t"], "ns/there", ["key"])
    _, [kept], [taken] = taken_out([written(tmp_path, ROWS)], stated, there=[there])
    assert taken.column("n").to_pylist() == [5]
    assert kept.num_rows == 5


def test_a_row_that_breaks_several_rules_is_taken_once_and_tells_all(tmp_path: Path) -> None:
    counts, [kept], [taken] = taken_out(
        [written(tmp_path, ROWS)],
        {"kind": "range", "field": "n", "max": 4, "name": "small"},
        {"kind": "range", "field": "x", "max": 1},
    )
    assert counts == {"small": 2, "range(x)": 3}  # NaN among them
    assert taken.column("n").to_pylist() == [3, 5, 6]
    assert taken.column(RULE).to_pylist() == ["range(x)", *["small; range(x)"] * 2]
    assert taken.column(REASON).to_pylist()[1] == "n not at most 4; x not at most 1"
    assert kept.num_rows == 3


@pytest.mark.parametrize(("limit", "takes"), [(3, True), (2, False), ("50%", True), ("49%", False)])
def test_a_rule_beyond_its_limit_takes_nothing(
    tmp_path: Path, limit: int | str, takes: bool
) -> None:
    stated = {"kind": "range", "field": "n", "max": 3, "quarantine_max": limit}
    other = {"kind": "regex", "field": "t", "pattern": "[a-z]"}
    counts, _, _ = taken_out([written(tmp_path, ROWS)], stated, other)
    assert counts == ({"range(n)": 3} if takes else {}) | {"regex(t)": 1}


def test_a_limit_holds_for_expressions_in_a_process_of_their_own_too(tmp_path: Path) -> None:
    stated = {"kind": "cross_field", "expr": "abs(n) < 3", "quarantine_max": "20%"}
    assert taken_out([written(tmp_path, ROWS)], stated) == ({}, [], [])


def test_what_cannot_be_judged_takes_nothing(tmp_path: Path) -> None:
    stated = [
        {"kind": "range", "field": "gone", "min": 0},
        {"kind": "cross_field", "expr": "n <"},
        {"kind": "cross_field", "expr": "length(gone) > 1"},
        rule(["t"], "ns/there", ["key"]),
    ]
    assert taken_out([written(tmp_path, ROWS)], *stated) == ({}, [], [])


def test_rules_without_the_action_take_nothing(tmp_path: Path) -> None:
    files = [written(tmp_path, ROWS)]
    for action in ("annotate_only", "fail_release", None):
        contract = Contract.model_validate(
            {"rules": [{"kind": "range", "field": "n", "max": 1, "action": action}]}
        )
        with DuckDBContractEngine().broken_rows(files, contract) as broken:
            assert (broken.files, dict(broken.counts)) == ((), {})


ZONED = pa.timestamp("ns", "UTC")


@pytest.mark.parametrize("kind", [pa.int64(), ZONED], ids=["by file", "numbered throughout"])
def test_only_files_with_such_rows_are_touched(tmp_path: Path, kind: pa.DataType) -> None:
    """Zoned nanoseconds are read through Arrow, which numbers rows across all files."""
    shards = [[1, 2, 3], [4, 105, 6], [7], [108, 109, 10]]
    files = [
        written(tmp_path, pa.table({"n": pa.array(n), "at": pa.array(n, kind)}), f"{at}.parquet")
        for at, n in enumerate(shards)
    ]
    _, kept, taken = taken_out(files, {"kind": "range", "field": "n", "max": 100})
    assert [table.column("n").to_pylist() for table in kept] == [[4, 6], [10]]
    assert [table.column("n").to_pylist() for table in taken] == [[105], [108, 109]]
    assert kept[0].schema.field("at").type == kind


def test_rows_keep_their_types_and_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": [1, 2],
            "wide": pa.array([10**40, 1], pa.decimal256(50, 0)),
            "words": pa.array([["a"], None], pa.list_(pa.string())),
            "code": pa.array(["x", "y"]).dictionary_encode(),
            "at": pa.array([1_000, 2_000], ZONED),
        }
    )
    path = written(tmp_path, table)
    stored = pq.read_table(path)
    _, [kept], [taken] = taken_out([path], {"kind": "range", "field": "n", "max": 1})
    assert kept.cast(stored.schema).equals(stored.slice(0, 1))
    assert taken.drop_columns([RULE, REASON]).cast(stored.schema).equals(stored.slice(1))


def test_a_column_that_is_called_as_one_of_quarantines_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="as quarantine calls one of its own"):
        taken_out(
            [written(tmp_path, {"n": [1], "#rule": ["x"]})],
            {"kind": "range", "field": "n", "max": 0},
        )


def test_real_flights_without_a_plane_are_taken_out() -> None:
    stated = rule(["tailnum"], "ns/there", ["tailnum"])
    counts, [kept], [taken] = taken_out(
        [str(FLIGHTS / "flights.parquet")], stated, there=[str(FLIGHTS / "planes.parquet")]
    )
    assert list(counts.values()) == [taken.num_rows] == [422]
    planes = set(pq.read_table(FLIGHTS / "planes.parquet").column("tailnum").to_pylist())
    assert planes.issuperset(kept.column("tailnum").to_pylist())
    assert planes.isdisjoint(taken.column("tailnum").to_pylist())


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shards=st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=30), min_size=1, max_size=4),
    group_rows=st.integers(1, 10),
)
def test_nothing_is_lost_and_what_stays_breaks_no_rule(
    tmp_path: Path, shards: list[list[int]], group_rows: int
) -> None:
    files = []
    for at, values in enumerate(shards):
        files.append(str(tmp_path / f"{at}.parquet"))
        pq.write_table(pa.table({"n": values}), files[-1], row_group_size=group_rows)
    _, kept, taken = taken_out(files, {"kind": "range", "field": "n", "min": 0})
    dirty = [values for values in shards if min(values) < 0]
    assert [table.column("n").to_pylist() for table in kept] == [
        [n for n in values if n >= 0] for values in dirty
    ]
    assert [table.column("n").to_pylist() for table in taken] == [
        [n for n in values if n < 0] for values in dirty
    ]
