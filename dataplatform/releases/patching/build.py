"""Building a patched candidate: shards without a patched record stay, the others are written anew.

Here belongs the way from a plan to a staged candidate. Rows pass in their order, so nothing is
sorted that lies in order; memory holds the records of the patch and some row groups, whatever the
release's size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from msgspec import convert

from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.releases.build import Built, Log, arrange
from dataplatform.releases.candidate import Candidate, InputRelease, stage_candidate
from dataplatform.releases.conform import conform_batch
from dataplatform.releases.describe import Ingredients, Origin
from dataplatform.releases.gather import Product, gather_shards
from dataplatform.releases.key_index import with_indexes
from dataplatform.releases.objects import JSON, put_object
from dataplatform.releases.pace import Pace
from dataplatform.releases.patching.diff import TouchedRows, TouchedRowsDiffer
from dataplatform.releases.patching.fields import Blame
from dataplatform.releases.patching.locate import locate
from dataplatform.releases.patching.parse import Patch
from dataplatform.releases.patching.plan import PATCH_FORMAT, Plan
from dataplatform.releases.pending import generation_of
from dataplatform.releases.ports import ReleasePorts, WorkSession
from dataplatform.releases.scratch import keeping, out_of_memory
from dataplatform.releases.shards import reuse_of
from opendata.reading.resolve import Release
from opendata.wire.codec import replace
from opendata.wire.digest import canonical_json
from opendata.wire.errors import InvalidInput
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import FileEntry


@dataclass(frozen=True)
class Patching:
    """One patch on its way into one release, under the definition that its fields then have."""

    base: Release
    patch: Patch
    plan: Plan
    definition: DatasetDefinition
    readme: bytes | None
    preview_rows: int

    @property
    def blame(self) -> Blame:
        """Makes errors that name their place in the patch."""
        return self.patch.source.problem

    @property
    def origin(self) -> dict[str, Any]:
        """What the patched release stands on, as its trace tells it."""
        manifest = self.base.manifest
        told = {
            "base": manifest.release,
            "manifest_sha256": self.base.stored_sha256,
            "content_hash": manifest.integrity.content_hash,
            "ops": len(self.patch.ops),
        }
        notes = self.patch.head.notes
        return told | ({"notes": notes} if notes else {})

    def stored(self) -> bytes:
        """The patch as it is kept: its operations with typed values, files unfolded."""
        origin = {name: value for name, value in self.origin.items() if name != "ops"}
        document = {
            "format": PATCH_FORMAT,
            "id": str(self.base.id),
            **origin,
            "version": self.patch.head.version,
            "ops": list(self.plan.ops),
        }
        return canonical_json({name: value for name, value in document.items() if value})


@dataclass(frozen=True)
class PatchedBuild:
    """A staged candidate, and the ports under which it is compared with its base."""

    built: Built
    ports: ReleasePorts


@contextmanager
def patched_build(ports: ReleasePorts, patching: Patching, log: Log) -> Iterator[PatchedBuild]:
    """Stage the candidate that a patch makes of its base; scratch lasts as long as the context.

    Raises:
        InvalidInput: at the operation that the rows do not allow.
        Unavailable: if the store does not take the bytes, or memory does not suffice.
    """
    touched = TouchedRows(patching.plan.after.schema)
    try:
        with ports.workbench.session() as session:
            built = _built(ports, patching, session, touched, log)
            yield PatchedBuild(built, _comparing_touched(ports, patching, session, touched))
    except MemoryError as error:
        raise out_of_memory(patching.definition.id, error) from error


def _built(
    ports: ReleasePorts, patching: Patching, session: WorkSession, touched: TouchedRows, log: Log
) -> Built:
    key = _stored_patch(ports, patching)
    ingredients = Ingredients(
        definition=patching.definition,
        code={**patching.base.manifest.trace["method"]["code"], "patch": patching.origin},
        readme=patching.readme,
        current=patching.base,
        preview_rows=patching.preview_rows,
    )
    after, tools = patching.plan.after, {"pyarrow": pa.__version__}
    arrangement = arrange(patching.definition, after.contract, after.schema)
    session.begin(arrangement, reuse_of(ports, patching.base.manifest.files))
    untouched = _receive(ports, patching, session, touched, log)
    product = Product(ingredients, after.contract, arrangement, Origin((), tools))
    candidate, new = gather_shards(ports, product, untouched, session)
    if not candidate.row_count:
        raise InvalidInput(
            f"the patch would leave no row in {patching.base.id}",
            code="no_rows",
            hint="a release has rows; od rollback goes back to an earlier one",
        )
    candidate = _with_what_stays(candidate, patching, key)
    candidate = with_indexes(ports, candidate, ingredients)
    digest = stage_candidate(ports.store, candidate)
    return Built(digest, candidate, len(new), new, generation_of(patching.base))


def _with_what_stays(candidate: Candidate, patching: Patching, key: str) -> Candidate:
    """The candidate with its patch, and with what else is true of the rows that stay.

    Rows in quarantine have the fields of the base; where these change, its release keeps them.
    """
    base = patching.base.manifest
    candidate = replace(
        candidate,
        patch=key,
        inputs=tuple(convert(pinned, InputRelease) for pinned in base.trace.get("inputs", ())),
    )
    if patching.plan.changes_fields:
        return candidate
    return replace(candidate, quarantine=base.quarantine, quarantined=base.quarantined)


def _comparing_touched(
    ports: ReleasePorts, patching: Patching, session: WorkSession, touched: TouchedRows
) -> ReleasePorts:
    """Ports whose differ looks at what the patch touched; every row, where fields changed."""
    if patching.plan.changes_fields:
        return ports
    old, new = (session.keep(rows, touched.schema) for rows in (touched.old, touched.new))
    return dataclasses.replace(ports, differ=TouchedRowsDiffer(ports.differ, old, new))


def _stored_patch(ports: ReleasePorts, patching: Patching) -> str:
    data = patching.stored()
    if len(data) > DOCUMENT_MAX_BYTES:
        raise InvalidInput(
            f"the patch takes {len(data):,} bytes as JSON; at most {DOCUMENT_MAX_BYTES:,} are kept",
            code="patch_too_large",
            hint="divide it, or publish the rows: od push, or a run of the producer",
        )
    return put_object(ports.store, data, content_type=JSON)


def _receive(
    ports: ReleasePorts, patching: Patching, session: WorkSession, touched: TouchedRows, log: Log
) -> list[FileEntry]:
    """Write the shards that the patch touches; returns those that stay as they are."""
    plan, base = patching.plan, patching.base.manifest
    located = None
    if plan.edits is not None:
        located = locate(ports, session, base, plan, patching.blame)
        session.insert(located.comes)
        touched.new.append(located.comes)
    elif not plan.changes_fields:
        return list(base.files)
    every = plan.changes_fields
    concerned = [e for e in base.files if every or (located and e.name in located.touched)]
    pace = Pace(ports.now, lambda text: log("info", text))
    with keeping(patching.definition.id):
        for entry in concerned:
            for _, rows in session.rows(ports.shard_path(entry), None, None):
                batch = conform_batch(rows, plan.before.schema, 0)
                batch = plan.as_after(batch) if plan.changes_fields else batch
                batch = located.in_place.on(batch, touched) if located else batch
                session.receive(batch)
                pace.passed(batch.num_rows, batch.nbytes)
    names = {entry.name for entry in concerned}
    return [entry for entry in base.files if entry.name not in names]
