"""A difference written as a patch undoes itself: patch(between(a, b))(a) is b."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.units import NO_UNITS
from dataplatform.releases.patching.between import patch_between
from dataplatform.releases.patching.cells import written_cell
from dataplatform.releases.patching.parse import parse_patch
from dataplatform.releases.patching.plan import plan_patch
from dataplatform.releases.patching.table import patched_table
from dataplatform_tests.releases.building import make_bench
from dataplatform_tests.releases.patching import no_files, patch, patchable
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import InvalidInput, Rejected

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-28", "S4-35", "S4-36", "S4-87")]

TYPES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(),
    pa.string(): st.text("abé", max_size=3),
    pa.timestamp("ns", "UTC"): st.integers(0, 2**62),
    pa.list_(pa.int32()): st.lists(st.integers(0, 3), max_size=2),
}
# Both sides draw keys from few values, so that many rows are on both.
KEYS = st.tuples(st.integers(0, 12), st.sampled_from(["x", "y"]))


@st.composite
def tables(draw: st.DrawFn, least: int = 0) -> pa.Table:
    """Rows with a key of two columns, and some more columns."""
    keys = draw(st.lists(KEYS, unique=True, min_size=least, max_size=12))
    columns: dict[str, pa.Array] = {
        "day": pa.array([20_454 + key[0] * 9 for key in keys], pa.int32()).cast(pa.date32()),
        "place": pa.array([key[1] for key in keys], pa.string()),
    }
    for name in draw(st.lists(st.sampled_from("pqrs"), unique=True)):
        kind = draw(st.sampled_from(list(TYPES)))
        size = len(keys)
        values = draw(st.lists(st.none() | TYPES[kind], min_size=size, max_size=size))
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def rows_by_key(table: pa.Table) -> dict[Any, Any]:
    """The rows as text, in which NaN equals NaN, whatever the order of rows and columns."""
    names = sorted(table.column_names)
    cells = [[repr(written_cell(cell)) for cell in table.column(name)] for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return {(row["day"], row["place"]): row for row in rows}


@given(tables(), tables())
def test_a_patch_made_of_a_difference_leads_to_the_other_table(
    before: pa.Table, after: pa.Table
) -> None:
    document = patch_between(before, after, ["day", "place"])
    if not document["ops"]:
        assert rows_by_key(before) == rows_by_key(after)
        return
    parsed = parse_patch(json.dumps(document), "patch.json")
    contract = infer_contract(before.schema, primary_key=["day", "place"])
    plan = plan_patch(parsed, contract, None, NO_UNITS, no_files)
    patched = patched_table(before, plan, parsed.source.problem)
    assert rows_by_key(patched) == rows_by_key(after)
    assert not patch_between(patched, after, ["day", "place"])["ops"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tables(least=1), tables(least=1), st.sampled_from(["none", "month"]))
def test_the_same_holds_between_releases(before: pa.Table, after: pa.Table, shard: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sections = {"time": "day", "contract": {"primary_key": ["day", "place"]}}
        store = MemoryStore()
        made = make_bench(store, Path(folder), group_rows=3, release={"shard": shard}, **sections)
        bench = patchable(made)
        bench.release(before)
        document = patch_between(bench.read(), after, ["day", "place"])
        if document["ops"]:
            patch(bench, document["ops"], version="2.0.0" if _breaks(document) else None)
        assert rows_by_key(bench.read()) == rows_by_key(after)


def _breaks(document: dict[str, Any]) -> bool:
    return any(op["op"] == "DROP_FIELD" for op in document["ops"])


def test_rows_that_cannot_be_told_apart_make_no_patch() -> None:
    rows = pa.table({"id": [1, 1], "value": [1.0, 2.0]})
    with pytest.raises(Rejected, match="is there twice"):
        patch_between(rows, rows, ["id"])
    with pytest.raises(InvalidInput, match="by a key"):
        patch_between(rows, rows, ["day"])
