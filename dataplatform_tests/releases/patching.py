"""Patching in a test: operations on the current release of a bench."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.adapters.units.pint import PintUnits
from dataplatform.releases.chain import NothingNew, Released
from dataplatform.releases.patching.build import Patching
from dataplatform.releases.patching.parse import read_patch
from dataplatform.releases.patching.release import prepare_patch, release_patch
from dataplatform_tests.releases.building import RUN, Bench


def no_files(name: str, schema: pa.Schema) -> pa.Table:
    raise AssertionError(f"{name} was not to be read")


def patchable(bench: Bench) -> Bench:
    """A bench with what patches ask for beside the rest."""
    ports = replace(bench.ports, units=PintUnits(), differ=DuckDBRowDiffer())
    return replace(bench, ports=ports)


def prepared(bench: Bench, ops: list[dict[str, Any]], **head: Any) -> Patching:
    """A patch of the current release, not yet built."""
    patch = read_patch({"ops": ops, **head})
    return prepare_patch(bench.ports, bench.dataset, patch, no_files, 100)


def patch(bench: Bench, ops: list[dict[str, Any]], **head: Any) -> Released:
    """Patch the current release and publish the result, which has to change something."""
    result = release(bench, prepared(bench, ops, **head))
    assert isinstance(result, Released), result
    return result


def release(bench: Bench, patching: Patching) -> Released | NothingNew:
    """Build, gate, freeze and publish a prepared patch."""
    return release_patch(bench.ports, patching, RUN, lambda step: None, lambda level, line: None)


def upsert(pk: Any, **values: Any) -> dict[str, Any]:
    return {"op": "UPSERT_RECORD", "pk": pk, "values": values}


def delete(pk: Any, **more: Any) -> dict[str, Any]:
    return {"op": "DELETE_RECORD", "pk": pk, **more}
