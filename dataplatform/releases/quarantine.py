"""Quarantine: rows that break a rule leave the candidate before it is staged, and are kept aside.

The release goes on without them; they are a Parquet file of their own that the release names, each
row with the rules that it breaks and how. Whether a rule takes rows out, and how many at most, is
the contract's matter; finding them is the contract engine's. Here belongs moving them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from dataplatform.contracts.engine import REASON, RULE, BrokenRows
from dataplatform.contracts.model import Contract
from dataplatform.contracts.report import Finding, Report
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.conform import conform_batch
from dataplatform.releases.describe import Ingredients, input_release
from dataplatform.releases.interval import Interval
from dataplatform.releases.ports import Arrangement, ReleasePorts, WorkSession, WrittenShard
from dataplatform.releases.references import pinned_tables
from dataplatform.releases.shards import reuse_of, store_shards, store_written
from opendata.wire.codec import replace as with_fields
from opendata.wire.errors import Rejected
from opendata.wire.manifest import Quarantined
from opendata.wire.words import counted


@dataclass(frozen=True)
class SortedOut:
    """The shards of a build without the rows that quarantine takes; each is stored when yielded."""

    shards: Iterable[WrittenShard]
    quarantined: Quarantined | None = None

    def noted_in(self, candidate: Candidate) -> Candidate:
        """The candidate with what was taken out of it.

        Raises:
            Rejected: if nothing is left.
        """
        if self.quarantined is None:
            return candidate
        if not candidate.files:
            raise Rejected(
                f"every row of {candidate.id} breaks a rule that takes it out, so nothing is left",
                code="nothing_left",
                hint="correct the data or the rules, or lower `quarantine_max`",
            )
        return with_fields(
            candidate, quarantine=self.quarantined.file.path, quarantined=self.quarantined
        )


@dataclass(frozen=True)
class Rebuild:
    """What sorting out needs to know of a build."""

    ingredients: Ingredients
    contract: Contract
    arrangement: Arrangement
    interval: Interval | None


@contextmanager
def sorted_out(ports: ReleasePorts, build: Rebuild, session: WorkSession) -> Iterator[SortedOut]:
    """Take the rows out that rules with `action: quarantine` find, each within its limit.

    Only what a build brought is looked at. Of a part of time that was replaced, the former rows in
    quarantine go with it; those of other parts stay.

    Raises:
        Rejected: where a column is called as one that quarantine adds.
    """
    takes_out = any(rule.quarantines for rule in build.contract.rules)
    kept = _kept_aside(build)
    if not takes_out and kept is None:
        yield SortedOut(store_shards(ports, session))
        return
    written = list(session.shards())
    pins = tuple(input_release(release) for release in build.ingredients.inputs)
    pinned = pinned_tables(ports, build.contract, pins)
    paths = [_path(ports, shard) for shard in written]
    with ExitStack() as stack:
        broken: BrokenRows | None = None
        if paths and takes_out:
            broken = stack.enter_context(
                ports.engine.broken_rows(paths, build.contract, pinned=pinned)
            )
        if not (broken and broken.files) and kept is None:
            yield SortedOut(store_written(ports, written))
            return
        clean, aside = (stack.enter_context(ports.workbench.session()) for _ in range(2))
        yield _moved(ports, build, written, broken, (clean, aside))


def with_quarantined(report: Report, contract: Contract, quarantined: Quarantined | None) -> Report:
    """The contract's report, with how many rows each rule has taken out."""
    if quarantined is None:
        return report
    rules = {rule.label: rule for rule in contract.rules if rule.quarantines}
    taken = {label: rows for label, rows in quarantined.rules.items() if label in rules}

    def told(finding: Finding) -> Finding:
        rows = taken.pop(finding.rule, 0)
        if not rows:
            return finding
        message = f"{finding.message}; {counted(rows, 'row')} in quarantine"
        return with_fields(finding, message=message, quarantined=rows)

    return with_fields(report, findings=tuple(told(finding) for finding in report.findings))


def sentence_about(quarantined: Quarantined) -> str:
    """What was taken out, in words: `12 rows in quarantine (range(rate): 12)`."""
    by_rule = ", ".join(f"{rule}: {rows:,}" for rule, rows in quarantined.rules.items())
    return f"{counted(quarantined.file.row_count, 'row')} in quarantine ({by_rule})"


def _moved(
    ports: ReleasePorts,
    build: Rebuild,
    written: Sequence[WrittenShard],
    broken: BrokenRows | None,
    sessions: tuple[WorkSession, WorkSession],
) -> SortedOut:
    """Cut the rows out, and write anew the shards that held them."""
    clean, aside = sessions
    beside = build.ingredients.beside
    clean.begin(build.arrangement, reuse_of(ports, beside.files if beside else ()))
    schema = _aside_schema(build.arrangement.schema)
    aside.begin(Arrangement(schema, (), "none", None, {}), lambda name, content: None)
    counts = _receive_kept_aside(ports, build, aside, schema)
    touched = tuple(broken.files) if broken else ()
    if broken is not None:
        for part in (part for at in touched for part in broken.split(at)):
            clean.receive(part.kept)
            aside.receive(conform_batch(part.taken, schema, 0))
        for rule, rows in broken.counts.items():
            counts[rule] = counts.get(rule, 0) + rows
    anew = {shard.entry.name: shard for shard in clean.shards()} if touched else {}
    left = [
        anew.get(shard.entry.name) if at in touched else shard for at, shard in enumerate(written)
    ]
    stored = store_written(ports, (shard for shard in left if shard is not None))
    return SortedOut(stored, _stored_aside(ports, aside, counts))


def _stored_aside(
    ports: ReleasePorts, aside: WorkSession, counts: Mapping[str, int]
) -> Quarantined | None:
    for shard in store_written(ports, aside.shards()):
        # What a reader needs to find them is enough; statistics are for what is queried.
        entry = with_fields(shard.entry, name="quarantine", stats={})
        return Quarantined(file=entry, rules=dict(sorted(counts.items())))
    return None


def _aside_schema(schema: pa.Schema) -> pa.Schema:
    told = [pa.field(name, pa.string()) for name in (RULE, REASON)]
    return pa.schema([*(field.with_nullable(True) for field in schema), *told])


def _kept_aside(build: Rebuild) -> Quarantined | None:
    """The former quarantine, where a build replaces a part of time and leaves the rest."""
    beside = build.ingredients.beside
    return beside.quarantined if beside is not None and build.interval is not None else None


def _receive_kept_aside(
    ports: ReleasePorts, build: Rebuild, aside: WorkSession, schema: pa.Schema
) -> dict[str, int]:
    """Former rows of other parts of time; how many of them each rule had taken out."""
    kept, counts = _kept_aside(build), dict[str, int]()
    if kept is None or build.interval is None:
        return counts
    for batch in aside.rows_outside(ports.shard_path(kept.file), build.interval):
        aside.receive(conform_batch(batch, schema, 0))
        for label in kept.rules:
            counts[label] = counts.get(label, 0) + _naming(batch, label)
    return {label: rows for label, rows in counts.items() if rows}


def _naming(batch: pa.RecordBatch, label: str) -> int:
    """How many rows name a rule, alone or among others."""
    told = batch.column(RULE).to_pylist()
    return sum(f"; {label}; " in f"; {rules}; " for rules in told)


def _path(ports: ReleasePorts, shard: WrittenShard) -> str:
    return shard.parquet.path if shard.parquet is not None else ports.shard_path(shard.entry)
