"""A patch is kept for ever as well: its operations, byte by byte."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.units import NO_UNITS
from dataplatform.releases.patching.parse import read_patch, stored_patch
from dataplatform.releases.patching.plan import Plan, plan_patch
from dataplatform_tests.golden.examples import golden
from dataplatform_tests.releases.patching import delete, no_files, upsert
from opendata.wire.digest import canonical_json

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-9")]

SCHEMA = pa.schema(
    {
        "day": pa.date32(),
        "at": pa.timestamp("ns", "UTC"),
        "price": pa.decimal128(9, 2),
        "rate": pa.float64(),
        "count": pa.uint64(),
        "tags": pa.list_(pa.string()),
        "raw": pa.binary(),
    }
)
OPS: list[dict[str, Any]] = [
    upsert("2026-01-02", at="2026-01-02T03:04:05.000000006Z", price=Decimal("12.50")),
    upsert("2026-01-03", rate=float("nan"), count=2**63, tags=["a", None], raw=b"\x00\xff"),
    delete("2026-01-04"),
    delete("2026-01-05", missing="ignore"),
    {"op": "ADD_FIELD", "name": "note", "type": "string", "default": "none"},
    {"op": "ALTER_FIELD", "name": "rate", "type": "float32"},
    {"op": "DROP_FIELD", "name": "raw"},
    {"op": "REINDEX", "keys": ["note"]},
]


def _plan(patch: Any) -> Plan:
    return plan_patch(patch, infer_contract(SCHEMA, primary_key=["day"]), None, NO_UNITS, no_files)


def test_the_operations_of_a_patch_are_kept_as_these_bytes() -> None:
    assert canonical_json({"ops": list(_plan(read_patch(OPS)).ops)}) == golden("patch.json")


def test_what_was_kept_is_read_as_the_same_operations() -> None:
    kept = stored_patch(golden("patch.json"), "patch.json")
    assert canonical_json({"ops": list(_plan(kept).ops)}) == golden("patch.json")
