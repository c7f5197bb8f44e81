"""Build: a producer's rows become a staged candidate.

Here belongs the way from `main.py` (or from data at hand) to sorted, hashed, stored shards. What a
contract or a gate says about them is decided later and elsewhere. A producer that fails leaves
nothing behind but its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pyarrow as pa

from dataplatform.contracts.infer import complete_contract, with_fields_of
from dataplatform.contracts.model import Contract
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.producing import ProduceRequest
from dataplatform.releases.candidate import Candidate, stage_candidate
from dataplatform.releases.conform import conform_batch, conformed_schema
from dataplatform.releases.describe import Ingredients, Origin, source_bytes
from dataplatform.releases.empty_part import no_rows, refuse_to_empty, schema_of_nothing
from dataplatform.releases.gather import Product, gather_shards
from dataplatform.releases.interval import Interval, asked_interval
from dataplatform.releases.key_index import with_indexes
from dataplatform.releases.pace import Pace
from dataplatform.releases.pending import generation_of
from dataplatform.releases.ports import Arrangement, ReleasePorts, Reuse, WorkSession
from dataplatform.releases.quarantine import Rebuild, sorted_out
from dataplatform.releases.scratch import keeping, out_of_memory
from dataplatform.releases.shards import reuse_of
from opendata.reading.blocks import rechunk
from opendata.reading.bounds import is_time_type
from opendata.reading.resolve import Release
from opendata.wire.manifest import FileEntry, Manifest

Log = Callable[[str, str], None]
Beside = Manifest | Candidate
"""What stays outside of an interval: the current release, or a candidate that is not released."""


@dataclass
class Intake:
    """Rows on their way into a work session: conformed to one schema, clipped, counted.

    `interval` is set once the first batch has told the time column's type.
    """

    session: WorkSession
    ingredients: Ingredients
    asked: Callable[[pa.Schema], Interval | None]
    reuse: Reuse
    pace: Pace
    schema: pa.Schema | None = None
    interval: Interval | None = None
    batches: int = 0
    rows: int = 0
    clipped: int = 0
    kept: int = 0
    is_empty_part: bool = False

    def receive(self, batch: pa.RecordBatch) -> None:
        """Take the next batch of the producer.

        Raises:
            ProducerFailed: if it does not fit the columns of the first one or the contract.
        """
        self.batches += 1
        if self.schema is None:
            self.schema = self._begin(batch.schema)
        # What a dictionary holds once takes its full size below, so the rows are cut before.
        for piece in rechunk([batch], rows=max(batch.num_rows, 1)):
            self._receive(piece, self.schema)

    def _receive(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        conformed = conform_batch(batch, schema, self.batches)
        if self.interval is not None:
            conformed = self.interval.inside(conformed)
            self.clipped += batch.num_rows - conformed.num_rows
        with keeping(self.ingredients.definition.id):
            self.session.receive(conformed)
        self.rows += conformed.num_rows
        self.pace.passed(conformed.num_rows, conformed.nbytes)

    def receive_nothing(self, columns: Sequence[str]) -> None:
        """Take the producer's word that there is nothing for the asked interval.

        Raises:
            ProducerFailed: if that cannot be put beside what is there.
        """
        self.schema = self._begin(schema_of_nothing(self.ingredients, columns))
        self.is_empty_part = self.interval is not None

    def _begin(self, arrived: pa.Schema) -> pa.Schema:
        """The first batch tells the columns, and with them the order and the cut of all rows."""
        definition, beside = self.ingredients.definition, self.ingredients.beside
        schema = conformed_schema(arrived, _contract_beside(definition, beside))
        self.interval = self.asked(schema)
        contract = settled_contract(definition, beside, schema)
        self.session.begin(arrange(definition, contract, schema), self.reuse)
        return schema

    def keep(self, batch: pa.RecordBatch) -> None:
        """Take rows of the current release that stay as they are."""
        assert self.schema is not None  # nothing is kept before the producer has delivered
        with keeping(self.ingredients.definition.id):
            self.session.receive(conform_batch(batch, self.schema, 0))
        self.kept += batch.num_rows


@dataclass(frozen=True)
class Built:
    """A staged candidate and its digest; `written` counts the shards that were new.

    `new_shards` are those by name, and `generation` is the move of the pointer that it was built
    upon.
    """

    digest: str
    candidate: Candidate
    written: int
    new_shards: frozenset[str] = frozenset()
    generation: int = 0


def build_candidate(
    ports: ReleasePorts, ingredients: Ingredients, request: ProduceRequest, log: Log
) -> Built:
    """Run the producer and stage what it yields.

    Raises:
        ProducerFailed, SourceUnavailable: classified (S1-86); nothing is staged then.
        Unavailable: if the store does not take the bytes, or memory does not suffice.
    """
    asked = partial(_asked, ingredients, request.start_at, request.end_at)
    with _intake(ports, ingredients, asked, log) as intake:
        outcome = ports.runner.run(request, intake.receive, log)
        if not outcome.row_count and (request.start_at or request.end_at):
            intake.receive_nothing(outcome.schema.names)
            log("info", "the producer has no rows for the asked interval")
        if intake.clipped:
            log("warning", f"{intake.clipped:,} rows lie outside of the asked interval: not taken")
        sources = tuple(source_bytes(source) for source in outcome.sources)
        return _stage(ports, ingredients, intake, Origin(sources, dict(outcome.tools)))


def build_from_batches(
    ports: ReleasePorts,
    ingredients: Ingredients,
    batches: Iterable[pa.RecordBatch],
    tools: Mapping[str, str],
    log: Log = lambda level, line: None,
) -> Built:
    """Stage data at hand (`od.push`); from here on the same way as a producer's."""
    with _intake(ports, ingredients, lambda schema: None, log) as intake:
        for batch in batches:
            intake.receive(batch)
        return _stage(ports, ingredients, intake, Origin((), dict(tools)))


@contextmanager
def _intake(
    ports: ReleasePorts,
    ingredients: Ingredients,
    asked: Callable[[pa.Schema], Interval | None],
    log: Log,
) -> Iterator[Intake]:
    beside = ingredients.beside
    reuse = reuse_of(ports, beside.files if beside else ())
    try:
        with ports.workbench.session() as session:
            pace = Pace(ports.now, partial(log, "info"))
            yield Intake(session, ingredients, asked, reuse, pace)
    except MemoryError as error:
        raise out_of_memory(ingredients.definition.id, error) from error


def _asked(
    ingredients: Ingredients,
    start_at: datetime | None,
    end_at: datetime | None,
    schema: pa.Schema,
) -> Interval | None:
    """The interval that a run replaces; a first release has nothing to keep beside it."""
    time = ingredients.definition.time
    is_whole = ingredients.beside is None and not ingredients.in_parts
    if is_whole or time is None or time not in schema.names:
        return None
    kind = schema.field(time).type
    return asked_interval(time, kind, start_at, end_at) if is_time_type(kind) else None


def effective_contract(definition: DatasetDefinition, current: Release | None) -> Contract | None:
    """The declared contract, else the one of the current release, else None (yet).

    Raises:
        InvalidInput: if a contract that leaves its fields open has rules for unreleased columns.
    """
    return _contract_beside(definition, current.manifest if current else None)


def _contract_beside(definition: DatasetDefinition, beside: Beside | None) -> Contract | None:
    declared = definition.contract
    if declared is not None and declared.fields:
        return declared
    if beside is None:
        return None
    known = Contract.model_validate(beside.contract)
    return with_fields_of(declared, known) if declared else known


def settled_contract(
    definition: DatasetDefinition, beside: Beside | None, schema: pa.Schema
) -> Contract:
    """The contract that the candidate is held to; without any, the schema is the contract."""
    contract = _contract_beside(definition, beside) or definition.contract or Contract()
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
    if intake.schema is None or not (intake.rows or intake.is_empty_part):
        raise no_rows(ingredients.definition.id, intake.clipped)
    beside = ingredients.beside
    contract = settled_contract(ingredients.definition, beside, intake.schema)
    arrangement = arrange(ingredients.definition, contract, intake.schema)
    untouched = _keep_outside(ports, beside, intake, arrangement)
    if intake.is_empty_part:
        refuse_to_empty(ingredients, intake.kept, untouched)
    product = Product(ingredients, contract, arrangement, origin)
    rebuild = Rebuild(ingredients, contract, arrangement, intake.interval)
    with sorted_out(ports, rebuild, intake.session) as left:
        found, new = gather_shards(ports, product, untouched, intake.session, left.shards)
        candidate = with_indexes(ports, left.noted_in(found), ingredients)
    digest = stage_candidate(ports.store, candidate)
    generation = generation_of(ingredients.current)
    return Built(digest, candidate, len(new), new, generation)


def _keep_outside(
    ports: ReleasePorts, beside: Beside | None, intake: Intake, arrangement: Arrangement
) -> list[FileEntry]:
    """Receive the rows that an interval leaves as they are in the shards that it touches.

    Returns the shards that it does not touch at all, which are carried over whole.
    """
    interval = intake.interval
    if interval is None or beside is None:
        return []
    same_cut = beside.shard == arrangement.shard
    untouched = []
    for entry in beside.files:
        if same_cut and not interval.touches(entry):
            untouched.append(entry)
            continue
        for batch in intake.session.rows_outside(ports.shard_path(entry), interval):
            intake.keep(batch)
    return untouched
