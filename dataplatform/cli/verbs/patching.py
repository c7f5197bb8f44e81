"""Patches from Python: corrections of a release, or of a table at hand (S4-32…S4-38, S4-87)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.cli.frames import as_reader
from dataplatform.cli.patch_files import load_patch, rows_beside
from dataplatform.cli.patching import publish_patch
from dataplatform.cli.place import UNSIGNED, find_settings, trusted_release, unsigned_hint
from dataplatform.cli.pushed import Pushed, pushed
from dataplatform.cli.warning import warn
from dataplatform.contracts.infer import complete_contract, infer_contract
from dataplatform.contracts.model import Contract
from dataplatform.errors import GateClosed
from dataplatform.releases.chain import Released
from dataplatform.releases.patching.between import patch_between
from dataplatform.releases.patching.parse import Patch, parse_patch, read_patch
from dataplatform.releases.patching.plan import plan_patch
from dataplatform.releases.patching.table import patched_table
from dataplatform.releases.ports import ReleasePorts
from dataplatform.wiring import for_rehearsal, from_settings
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import parse_reference


def patch_dataset(
    ds: Any,
    patch: Any,
    *,
    keys: Sequence[str] | None = None,
    contract: Contract | Mapping[str, Any] | None = None,
) -> Any:
    """Apply the operations of a patch, all of them in their order, or none (S4-87).

    Args:
        ds: `ns/name` (or `ns/name@1.2.0`, which has to be the current release); or an Arrow
            table, a frame, or the path of a file.
        patch: The operations as a list of mappings, the whole patch as a mapping, the path of a
            patch file, or its text.
        keys: The columns that identify a row, for a table without a contract.
        contract: What a table is held to, as the section of an `opendata.yaml`.

    Returns:
        For a data set the release that was published, as `od.push` returns it; for a table the
        patched one: an Arrow table, or a frame of the library that the rows came in.

    Raises:
        InvalidInput: naming the operation and the field that is wrong.
        GateClosed: if the result does not keep the contract, warnings included.
        BreakingChange: if readers would break and the patch does not declare `version`.
        Conflict: if another release is the current one.
    """
    operations, folder = _patch(patch)
    if isinstance(ds, str) and not Path(ds).expanduser().is_file():
        return _patch_release(ds, operations, folder)
    reader = as_reader(ds)
    promised = _contract(reader.schema, keys, contract)
    table = _patch_table(reader.read_all(), operations, folder, promised)
    return _as_came(table, ds)


def patch_from_diff(a: Any, b: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """The patch that makes the rows of `b` out of those of `a`, for data that fits into memory.

    Args:
        a, b: References, Arrow tables, frames or the paths of files.
        keys: The columns that identify a row; by default the primary key of `b`'s release.

    Returns:
        `{"ops": […]}`, as a patch file says it; JSON can hold it.

    Raises:
        NotFound, InvalidInput: if a side cannot be read, or lacks a key.
        Rejected: if keys are null or repeated.
        Denied: if a trust root is configured and the signature of a release does not hold.
    """
    before, _ = _table(a)
    after, promised = _table(b)
    return patch_between(before, after, tuple(keys) if keys is not None else promised)


def _patch(given: Any) -> tuple[Patch, Path]:
    if isinstance(given, Patch):
        return given, Path()
    if isinstance(given, str) and "\n" in given:
        return parse_patch(given, "the patch"), Path()
    if isinstance(given, str | os.PathLike):
        path = Path(given).expanduser()
        return load_patch(str(path)), path.parent
    return read_patch(given), Path()


def _patch_release(reference: str, patch: Patch, folder: Path) -> Pushed:
    asked = parse_reference(reference)
    if asked.version is not None:
        patch = patch.upon(str(asked.version))
    settings = find_settings()
    platform = from_settings(settings)
    result = publish_patch(platform, asked.id, patch, folder, warn, lambda step: None)
    if isinstance(result, Released) and platform.ports.signer is None:
        warn(UNSIGNED, unsigned_hint(settings))
    return pushed(result)


def _contract(
    schema: pa.Schema, keys: Sequence[str] | None, contract: Contract | Mapping[str, Any] | None
) -> Contract:
    if contract is None:
        return infer_contract(schema, primary_key=tuple(keys or ()))
    try:
        stated = contract if isinstance(contract, Contract) else Contract.model_validate(contract)
    except ValueError as error:
        raise InvalidInput(f"this is no contract: {error}", code="invalid_contract") from error
    return complete_contract(stated, schema)


def _patch_table(table: pa.Table, patch: Patch, folder: Path, contract: Contract) -> pa.Table:
    with tempfile.TemporaryDirectory(prefix="opendata-patch-") as scratch:
        ports = for_rehearsal(find_settings(), scratch).ports
        plan = plan_patch(patch, contract, None, ports.units, rows_beside(folder))
        patched = patched_table(table, plan, patch.source.problem)
        _require_contract(ports, patched, plan.after.contract, Path(scratch, "patched.parquet"))
    return patched


def _require_contract(ports: ReleasePorts, table: pa.Table, contract: Contract, path: Path) -> None:
    pq.write_table(table, path)
    report = ports.engine.check([str(path)], contract, time=None)[0].strict()
    if report.passed:
        return
    from dataplatform.contracts.report import explain

    raise GateClosed(
        f"the patched table does not keep its contract\n{explain(report)}",
        code="contract_failed",
        hint="correct the patch, or the contract that it is held to",
        details={"report": report.to_json()},
    )


def _as_came(table: pa.Table, ds: Any) -> Any:
    library = type(ds).__module__.partition(".")[0]
    if library == "pandas":
        return table.to_pandas()
    if library == "polars":
        import polars

        return polars.from_arrow(table)
    return table


def _table(data: Any) -> tuple[pa.Table, tuple[str, ...]]:
    """All rows of one side, and its primary key where it has one."""
    if not isinstance(data, str) or Path(data).expanduser().is_file():
        return as_reader(data).read_all(), ()
    with tempfile.TemporaryDirectory(prefix="opendata-patch-") as scratch:
        ports = for_rehearsal(find_settings(), scratch).ports
        manifest = trusted_release(ports.store, data).manifest
        contract = Contract.model_validate(manifest.contract)
        schema = contract.arrow_schema()
        tables = [pq.read_table(ports.shard_path(e), partitioning=None) for e in manifest.files]
        return pa.concat_tables([t.cast(schema) for t in tables]), contract.primary_key
