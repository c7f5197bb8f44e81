"""Describe: the document that a candidate is, from its shards and what made them.

Pure but for storing preview and README under their digests. Nothing that depends on when or by
which run the candidate was built may enter it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataplatform.contracts.model import Contract
from dataplatform.datasets.definition import (
    DatasetDefinition,
    platform_sections,
    registry_fields,
)
from dataplatform.datasets.producing import FetchedSource
from dataplatform.releases.candidate import Candidate, InputRelease, SourceBytes
from dataplatform.releases.kept import Keeper, kept_by
from dataplatform.releases.objects import JSON, MARKDOWN, put_object
from dataplatform.releases.ports import Arrangement
from dataplatform.releases.preview import PreviewRows
from opendata.reading.canonical_rows import combined_hash
from opendata.reading.resolve import Release
from opendata.reading.type_names import type_name
from opendata.stores.port import ObjectStore
from opendata.wire.digest import parse_digest
from opendata.wire.manifest import FieldEntry, FileEntry, Manifest


@dataclass(frozen=True)
class Ingredients:
    """What a candidate is made of beside its rows. `code` names the digests of what built it.

    `pending` is an unreleased candidate that a part is built upon; `in_parts` says that even a
    first build takes no more than the part of time that it asked for. `asked` is the interval as it
    is recorded, and `keeper` keeps what the candidate is made of.
    """

    definition: DatasetDefinition
    code: Mapping[str, Any]
    readme: bytes | None
    current: Release | None
    preview_rows: int
    inputs: tuple[Release, ...] = ()
    pending: Candidate | None = None
    in_parts: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    keeper: Keeper | None = None

    @property
    def beside(self) -> Manifest | Candidate | None:
        """What stays as it is outside of an asked interval."""
        if self.pending is not None:
            return self.pending
        return self.current.manifest if self.current else None


@dataclass(frozen=True)
class Origin:
    """Where the rows came from: fetched sources and the versions of the tools that read them."""

    sources: tuple[SourceBytes, ...]
    tools: dict[str, str]


def describe_candidate(
    store: ObjectStore,
    ingredients: Ingredients,
    contract: Contract,
    arrangement: Arrangement,
    entries: tuple[FileEntry, ...],
    preview: PreviewRows,
    origin: Origin,
) -> Candidate:
    """The candidate's document; its preview and README are stored on the way."""
    definition = ingredients.definition
    return Candidate(
        id=str(definition.id),
        files=entries,
        schema=describe_fields(arrangement.schema, contract),
        contract=contract.model_dump(mode="json", exclude_none=True),
        dataset=registry_fields(definition),
        definition=platform_sections(definition),
        content_hash=combined_hash((e.name, e.row_count, e.content_hash) for e in entries),
        row_count=sum(entry.row_count for entry in entries),
        size_bytes=sum(entry.size_bytes for entry in entries),
        preview=put_object(store, preview.to_bytes(), content_type=JSON),
        code=dict(ingredients.code),
        tools=origin.tools,
        sources=_all_sources(ingredients.pending, origin),
        inputs=tuple(input_release(release) for release in ingredients.inputs),
        time_column=arrangement.time,
        shard=arrangement.shard,
        readme=_store_readme(store, ingredients.readme),
        asked=dict(ingredients.asked),
        kept=kept_by(ingredients.keeper, ingredients.pending),
    )


def describe_fields(schema: pa.Schema, contract: Contract) -> tuple[FieldEntry, ...]:
    """The released columns: Arrow's type as it is, meaning from the contract."""
    declared = {spec.name: spec for spec in contract.fields}
    entries = []
    for column in schema:
        spec = declared.get(column.name)
        entries.append(
            FieldEntry(
                name=column.name,
                type=type_name(column.type),
                nullable=spec.nullable if spec else True,
                unit=spec.unit if spec else None,
                description=spec.description if spec else None,
                aliases=spec.aliases if spec else (),
            )
        )
    return tuple(entries)


def source_bytes(source: FetchedSource) -> SourceBytes:
    """The part of a fetch that does not depend on when it happened."""
    digest = parse_digest(source.sha256)
    return SourceBytes(url=source.url, sha256=digest, size_bytes=source.size_bytes)


def _all_sources(pending: Candidate | None, origin: Origin) -> tuple[SourceBytes, ...]:
    """What was fetched for this build, and before it for the parts that are still pending."""
    if pending is None:
        return origin.sources
    return tuple(dict.fromkeys((*pending.sources, *origin.sources)))


def input_release(release: Release) -> InputRelease:
    """A release as the candidate names it that was derived from it, or judged by it."""
    return InputRelease(
        id=str(release.id),
        release=str(release.version),
        manifest_sha256=release.stored_sha256,
    )


def _store_readme(store: ObjectStore, readme: bytes | None) -> str | None:
    if not readme:
        return None
    return put_object(store, readme, content_type=MARKDOWN)
