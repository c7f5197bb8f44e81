"""Build: a producer's rows become a staged candidate.

Here belongs the way from `main.py` (or from data at hand) to sorted, hashed, stored shards. What a
contract or a gate says about them is decided later and elsewhere. A producer that fails leaves
nothing behind but its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from dataplatform.contracts.infer import complete_contract
from dataplatform.contracts.model import Contract
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.producing import ProduceRequest
from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.candidate import Candidate, stage_candidate
from dataplatform.releases.conform import conform_batch, conformed_schema
from dataplatform.releases.describe import Ingredients, Origin, describe_candidate, source_bytes
from dataplatform.releases.objects import put_object, put_object_at
from dataplatform.releases.ports import Arrangement, ReleasePorts, WorkSession, WrittenShard
from dataplatform.releases.preview import PreviewRows
from opendata.reading.bounds import is_time_type
from opendata.reading.resolve import Release
from opendata.stores.port import ObjectStore

Log = Callable[[str, str], None]


@dataclass
class Intake:
    """Rows on their way into a work session: conformed to one schema and counted."""

    session: WorkSession
    contract: Contract | None
    schema: pa.Schema | None = None
    batches: int = 0
    rows: int = 0

    def receive(self, batch: pa.RecordBatch) -> None:
        """Take the next batch.

        Raises:
            ProducerFailed: if it does not fit the columns of the first one or the contract.
        """
        self.batches += 1
        if self.schema is None:
            self.schema = conformed_schema(batch.schema, self.contract)
        self.session.receive(conform_batch(batch, self.schema, self.batches))
        self.rows += batch.num_rows


@dataclass(frozen=True)
class Built:
    """A staged candidate and its digest; `written` counts the shards that were new."""

    digest: str
    candidate: Candidate
    written: int


def build_candidate(
    ports: ReleasePorts, ingredients: Ingredients, request: ProduceRequest, log: Log
) -> Built:
    """Run the producer and stage what it yields.

    Raises:
        ProducerFailed, SourceUnavailable: classified (S1-86); nothing is staged then.
        Unavailable: if the store does not take the bytes.
    """
    with _intake(ports, ingredients) as intake:
        outcome = ports.runner.run(request, intake.receive, log)
        sources = tuple(source_bytes(source) for source in outcome.sources)
        return _stage(ports, ingredients, intake, Origin(sources, dict(outcome.tools)))


def build_from_batches(
    ports: ReleasePorts,
    ingredients: Ingredients,
    batches: Iterable[pa.RecordBatch],
    tools: Mapping[str, str],
) -> Built:
    """Stage data at hand (`od.push`); from here on the same way as a producer's."""
    with _intake(ports, ingredients) as intake:
        for batch in batches:
            intake.receive(batch)
        return _stage(ports, ingredients, intake, Origin((), dict(tools)))


@contextmanager
def _intake(ports: ReleasePorts, ingredients: Ingredients) -> Iterator[Intake]:
    contract = effective_contract(ingredients.definition, ingredients.current)
    with ports.workbench.session() as session:
        yield Intake(session, contract)


def effective_contract(definition: DatasetDefinition, current: Release | None) -> Contract | None:
    """The declared contract, else the one of the current release, else None (yet)."""
    declared = definition.contract
    if declared is not None and declared.fields:
        return declared
    if current is None:
        return None
    released = Contract.model_validate(current.manifest.contract)
    return declared.model_copy(update={"fields": released.fields}) if declared else released


def settled_contract(
    definition: DatasetDefinition, current: Release | None, schema: pa.Schema
) -> Contract:
    """The contract that the candidate is held to; without any, the schema is the contract."""
    contract = effective_contract(definition, current) or definition.contract or Contract()
    return complete_contract(contract, schema)


def arrange(definition: DatasetDefinition, contract: Contract, schema: pa.Schema) -> Arrangement:
    """How rows are ordered (time, then key) and sharded; the order is the canonical one."""
    time = definition.time if definition.time in schema.names else None
    if time is not None and not is_time_type(schema.field(time).type):
        time = None
    order = [time] if time else []
    order += [name for name in contract.primary_key if name in schema.names and name != time]
    units = {spec.name: spec.unit for spec in contract.fields if spec.unit}
    shard = str(definition.release.shard) if time else "none"
    return Arrangement(schema, tuple(order), shard, time, units)


def _stage(ports: ReleasePorts, ingredients: Ingredients, intake: Intake, origin: Origin) -> Built:
    if intake.schema is None or intake.rows == 0:
        raise ProducerFailed(
            f"{ingredients.definition.id}: the producer yielded no rows",
            failure_class=FailureClass.PARSE,
            hint="check what the source answered: od run prints the producer's log",
        )
    contract = settled_contract(ingredients.definition, ingredients.current, intake.schema)
    arrangement = arrange(ingredients.definition, contract, intake.schema)
    current = ingredients.current
    reusable = {entry.name: entry for entry in current.manifest.files} if current else {}
    preview = PreviewRows(ingredients.preview_rows)
    entries, written = [], 0
    for shard in intake.session.shards(arrangement, reusable):
        written += _store_shard(ports.store, shard)
        preview.offer(shard.head)
        entries.append(shard.entry)
    candidate = describe_candidate(
        ports.store, ingredients, contract, arrangement, tuple(entries), preview, origin
    )
    return Built(stage_candidate(ports.store, candidate), candidate, written)


def _store_shard(store: ObjectStore, shard: WrittenShard) -> bool:
    """Store a shard's bytes unless an earlier release has them; whether it was new."""
    if shard.parquet is None or shard.chunks is None:
        return False
    put_object_at(store, shard.entry.path, shard.parquet, "application/vnd.apache.parquet")
    put_object(store, shard.chunks.to_bytes(), content_type="application/json")
    return True
