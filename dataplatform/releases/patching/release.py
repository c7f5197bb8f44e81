"""Patch: a correction of the current release becomes the next one, or nothing happens (S4-38).

Here belongs the way of a patch through the verbs that every release goes: prepare, build, gate,
freeze, publish. Both gates are strict about a patch: rules that would only warn refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from dataplatform.contracts.model import Contract
from dataplatform.contracts.problems import reasons
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.errors import GateClosed
from dataplatform.releases.build import Log
from dataplatform.releases.chain import (
    NothingNew,
    Progress,
    Rehearsal,
    Released,
    rehearse,
    release_candidate,
)
from dataplatform.releases.patched import require_base
from dataplatform.releases.patching.build import Patching, patched_build
from dataplatform.releases.patching.parse import Patch
from dataplatform.releases.patching.plan import Plan, ReadRows, plan_patch
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.run import record_outcome_of
from dataplatform.releases.trace import RunReference
from opendata.reading.resolve import Release, read_current
from opendata.wire.errors import InvalidInput, NotFound, Rejected
from opendata.wire.ids import DatasetId


def prepare_patch(
    ports: ReleasePorts,
    dataset: DatasetId,
    patch: Patch,
    read_rows: ReadRows,
    preview_rows: int,
) -> Patching:
    """What a patch does to the current release of a data set.

    Raises:
        NotFound: if the data set was never published.
        Conflict: if the patch names another base than the current release.
        InvalidInput: at the operation that cannot be done.
    """
    current = read_current(ports.store, dataset)
    if current is None:
        raise NotFound(
            f"{dataset} was never published, so there is nothing to patch",
            code="unpublished",
            hint=f"od run {dataset} --publish",
        )
    require_base(current, patch.head.base)
    return prepare_patch_on(ports, current, patch, read_rows, preview_rows)


def prepare_patch_on(
    ports: ReleasePorts, current: Release, patch: Patch, read_rows: ReadRows, preview_rows: int
) -> Patching:
    """What a patch does to a given release. Raises InvalidInput as `prepare_patch`."""
    manifest = current.manifest
    contract = Contract.model_validate(manifest.contract)
    plan = plan_patch(patch, contract, manifest.time_column, ports.units, read_rows)
    readme = ports.store.get(manifest.readme).data if manifest.readme else None
    return Patching(current, patch, plan, _definition(current, patch, plan), readme, preview_rows)


def release_patch(
    ports: ReleasePorts, patching: Patching, run: RunReference, say: Progress, log: Log
) -> Released | NothingNew:
    """Build, gate, freeze and publish; a patch that is refused leaves no trace in the data set.

    Raises:
        InvalidInput, GateClosed, BreakingChange: if the patch cannot be let through.
        Conflict: if another release became current meanwhile; nothing of it is lost.
    """
    dataset = patching.base.id
    say("patching")
    with patched_build(ports, patching, log) as build, _reworded(dataset):
        result = release_candidate(build.ports, dataset, build.built, run, say)
    record_outcome_of(ports, dataset, run, result, say)
    return result


def rehearse_patch(ports: ReleasePorts, patching: Patching, say: Progress, log: Log) -> Rehearsal:
    """Everything but freezing and publishing; `ports.store` should be an overlay.

    Raises:
        As releasing would.
    """
    say("patching")
    with patched_build(ports, patching, log) as build:
        found = rehearse(build.ports, patching.base.id, build.built, say)
    if found.problem is not None:
        with _reworded(patching.base.id):
            raise found.problem
    return found


@contextmanager
def _reworded(dataset: DatasetId) -> Iterator[None]:
    """Refusals with the next step of somebody who wrote a patch, and no opendata.yaml."""
    try:
        yield
    except GateClosed as error:
        error.hint = (
            "after a patch every rule has to hold, those too that would only warn: correct the "
            f"patch, then: od patch {dataset} PATCH --dry-run"
        )
        raise
    except Rejected as error:
        if version := error.details.get("required"):
            error.hint = f'if it is meant, write in the patch: version: "{version}"'
        raise


def _definition(current: Release, patch: Patch, plan: Plan) -> DatasetDefinition:
    """What the release was declared with, and what the patch changes about that."""
    manifest = current.manifest
    document: dict[str, Any] = {**manifest.dataset, **manifest.definition}
    if plan.changes_fields:
        document["contract"] = plan.after.contract.model_dump(mode="json", exclude_none=True)
    settings = dict(document.get("release", {}))
    if patch.head.version is not None:
        settings["version"] = patch.head.version
    if plan.indexes is not None:
        settings["indexes"] = [list(keys) for keys in plan.indexes]
    document["release"] = settings
    try:
        return DatasetDefinition.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(
            f"after the patch the definition of {current.id} would not hold together: "
            f"{reasons(error)}",
            code="invalid_patch",
            hint="drop or alter what the field is used for first",
        ) from error
