"""Push: rows at hand become a release, by the same gates as a producer's (S1-56).

Here belongs what a push needs beside its rows: a definition, made of what was said now, what the
current release says, and defaults. The way from there on is `releases.run`.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from dataplatform.cli.push_words import require_columns, reworded, with_rows
from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.model import Contract
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.parse import parse_definition
from dataplatform.errors import InvalidDefinition
from dataplatform.releases.build import Log, effective_contract
from dataplatform.releases.chain import NothingNew, Released
from dataplatform.releases.run import build_pushed, release
from dataplatform.releases.trace import RunReference
from dataplatform.wiring import Platform
from opendata.reading.resolve import Release, read_current
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import InvalidInput, OpenDataError
from opendata.wire.ids import DatasetId

UNKNOWN_LICENSE: Final = "LicenseRef-Unknown"
UNKNOWN_REPO: Final = "unpublished"
Tell = Callable[[str, str | None], None]
Step = Callable[[str], None]


@dataclass(frozen=True)
class PushRequest:
    """What is pushed: the rows, under which id, and what is said about them.

    `new_columns` lets columns that the contract does not know join it; otherwise they are refused.
    """

    dataset: DatasetId
    rows: pa.RecordBatchReader
    metadata: Mapping[str, Any]
    readme: bytes | None = None
    new_columns: bool = False
    force: bool = False


def push_rows(
    platform: Platform,
    request: PushRequest,
    tell: Tell,
    step: Step,
    log: Log = lambda level, line: None,
) -> Released | NothingNew:
    """Check, freeze and publish the rows; `log` hears how far a long read is.

    Raises:
        InvalidInput: if the metadata makes no definition, or there are no rows.
        GateClosed: if contract or quality say no; the published release stays as it is.
    """
    ports = platform.ports
    current = read_current(ports.store, request.dataset)
    definition = pushed_definition(request, current, tell)
    readme = request.readme or _readme_of(platform, current)
    rows = with_rows(request.dataset, request.rows)
    step("reading the rows")
    try:
        return release(
            ports,
            request.dataset,
            lambda: build_pushed(
                ports,
                definition,
                rows,
                readme=readme,
                preview_rows=platform.settings.preview_rows,
                log=log,
            ),
            RunReference(run_id=uuid.uuid4().hex, by="od"),
            step,
            force=request.force,
        )
    except OpenDataError as error:
        reworded(error, new_columns=request.new_columns)
        raise


def pushed_definition(
    request: PushRequest, current: Release | None, tell: Tell
) -> DatasetDefinition:
    """The definition of a push: what is said now, before what was said last, before defaults.

    Raises:
        InvalidInput: naming each field that is wrong, and a key or time column that the rows
            do not have, with did-you-mean.
    """
    _require_known(request.metadata)
    document = _defaults(request.dataset)
    if current is not None:
        document |= current.manifest.dataset | current.manifest.definition
    for name, value in request.metadata.items():
        said_before = document.get(name)
        if isinstance(value, Mapping) and isinstance(said_before, Mapping):
            value = {**said_before, **value}  # a section keeps what is not said anew
        document[name] = value
    document["id"] = str(request.dataset)
    if document["license"] == UNKNOWN_LICENSE:
        tell(
            "no licence is named, so nobody knows what they may do with the data",
            "license=… (in the shell: --license), in SPDX's words: CC0-1.0, CC-BY-4.0, MIT",
        )
    definition = _parsed(document)
    _require_columns(definition, current, request.rows.schema)
    if request.new_columns:
        contract = _with_new_columns(definition, current, request.rows.schema)
        definition = definition.model_copy(update={"contract": contract})
    return definition


def _require_columns(
    definition: DatasetDefinition, current: Release | None, schema: pa.Schema
) -> None:
    key = definition.contract.primary_key if definition.contract else ()
    contract = effective_contract(definition, current)
    require_columns(definition.time, key, contract, schema)


def _require_known(metadata: Mapping[str, Any]) -> None:
    fields = DatasetDefinition.model_fields
    unknown = [name for name in metadata if name not in fields]
    if unknown:
        raise InvalidInput(
            f"{', '.join(map(repr, unknown))} is no field of an opendata.yaml",
            code="invalid_metadata",
            hint=did_you_mean(unknown[0], fields) or f"fields: {', '.join(fields)}",
        )


def _defaults(dataset: DatasetId) -> dict[str, Any]:
    title = dataset.name.replace("-", " ").capitalize()
    return {
        "title": title,
        "description": f"{title}, pushed as a table.",
        "license": UNKNOWN_LICENSE,
        "repo": UNKNOWN_REPO,
        "source": {"provider": dataset.namespace},
    }


def _parsed(document: dict[str, Any]) -> DatasetDefinition:
    try:
        return parse_definition(_yaml(document), "metadata")
    except InvalidDefinition as error:
        sentences = "; ".join(finding.message for finding in error.findings)
        raise InvalidInput(
            f"the metadata of this push cannot be used: {sentences}",
            code="invalid_metadata",
            hint=error.hint,
            details=error.details,
        ) from error


def _yaml(value: Any) -> str:
    """A document as JSON, which is YAML and keeps every text a text.

    Small floats get the point without which some YAML readers take them for text: 1.0e-09.
    """
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key))}: {_yaml(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float) and math.isfinite(value):
        digits, sign, power = repr(float(value)).partition("e")
        return f"{digits}.0e{power}" if sign and "." not in digits else f"{digits}{sign}{power}"
    return json.dumps(value, default=str)


def _with_new_columns(
    definition: DatasetDefinition, current: Release | None, schema: pa.Schema
) -> Contract | None:
    contract = effective_contract(definition, current)
    if contract is None:
        return definition.contract
    known = set(contract.field_names)
    new = [field.with_nullable(True) for field in schema if field.name not in known]
    added = infer_contract(pa.schema(new)).fields
    return contract.model_copy(update={"fields": (*contract.fields, *added)})


def _readme_of(platform: Platform, current: Release | None) -> bytes | None:
    key = current.manifest.readme if current else None
    return platform.ports.store.get(key).data if key else None
