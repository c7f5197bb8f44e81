"""The rows that rules with `action: quarantine` take out, and the rows that stay.

Here belongs finding their places, once for all rules, and cutting a file in two by them. Rows are
cut out of the Parquet files themselves, so that nothing passes through another engine's types.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.contract_engine.obstacles import obstacle
from dataplatform.adapters.contract_engine.one_pass import Question, ask
from dataplatform.adapters.contract_engine.plain_rules import expression_rule, plain_rules
from dataplatform.adapters.contract_engine.references import References
from dataplatform.adapters.contract_engine.row_rules import RowRule, row_rule
from dataplatform.adapters.contract_engine.user_rules import broken_places
from dataplatform.adapters.duckdb.session import Limits, Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.contracts.engine import REASON, RULE, SplitRows
from dataplatform.contracts.model import Contract, CrossFieldRule, UniqueRule
from opendata.wire.errors import OpenDataError, Rejected

PLACES = "broken_places"


@dataclass(frozen=True)
class BrokenTable:
    """What quarantine takes of a table; implements the port `BrokenRows`.

    `taken` are the conditions by their rule's position in the contract; `starts` tell the first
    row's number of each file where rows are numbered throughout.
    """

    session: Session
    table: Table
    rows: int
    counts: Mapping[str, int]
    taken: Mapping[int, RowRule]
    starts: tuple[int, ...]

    @property
    def files(self) -> tuple[int, ...]:
        """The files that hold such rows."""
        if not self.taken:
            return ()
        if self.table.counts_per_file:
            sql = f'SELECT DISTINCT "#file" FROM {PLACES} ORDER BY "#file"'
            return tuple(row["#file"] for row in self.session.rows(sql))
        places = self.session.rows(
            " UNION ALL ".join(
                f"SELECT {at} AS place, count(*) AS n FROM {PLACES} WHERE {self._in_file(at)}"
                for at in range(len(self.table.files))
            )
        )
        return tuple(row["place"] for row in places if row["n"])

    def split(self, at: int) -> Iterator[SplitRows]:
        """A file's rows, batch by batch: those that stay, and those that are taken out."""
        found = self.session.table(
            f'SELECT "#row" - {self._first(at)} AS place, '
            "string_agg(rule::VARCHAR, ' ' ORDER BY rule) AS rules "
            f'FROM {PLACES} WHERE {self._in_file(at)} GROUP BY "#row" ORDER BY "#row"'
        )
        places = found.column("place").to_numpy()
        rules = found.column("rules").combine_chunks().dictionary_encode()
        told = self._words(rules.dictionary.to_pylist())
        with pq.ParquetFile(self.table.files[at]) as file:
            start = 0
            for index in range(file.num_row_groups):
                for batch in file.read_row_group(index).to_batches():
                    ends = np.searchsorted(places, (start, start + batch.num_rows))
                    yield _cut(batch, places, rules.indices, told, start, slice(*ends))
                    start += batch.num_rows

    def _first(self, at: int) -> int:
        return 1 if self.table.counts_per_file else self.starts[at] + 1

    def _in_file(self, at: int) -> str:
        if self.table.counts_per_file:
            return f'"#file" = {at}'
        return f'"#row" > {self.starts[at]} AND "#row" <= {self.starts[at + 1]}'

    def _words(self, combinations: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        """Names and reasons of the rules that rows break, by each combination that occurs."""
        broken = [[self.taken[int(rule)] for rule in text.split()] for text in combinations]
        rules = ["; ".join(rule.label for rule in several) for several in broken]
        reasons = [
            "; ".join(f"{', '.join(rule.fields)} {rule.fault}" for rule in several)
            for several in broken
        ]
        return pa.array(rules, pa.string()), pa.array(reasons, pa.string())


def find_broken(
    session: Session, table: Table, contract: Contract, references: References, limits: Limits
) -> BrokenTable:
    """Look for the rows of every rule that quarantines, within its limit.

    A rule that cannot be judged, or finds more rows than it may take, takes none: the contract
    check finds the same, and says so. `limits` bound each statement that the contract brings.
    """
    conditions = _conditions(session, table, contract, references)
    questions = [Question({"rows": "count(*)"})]
    questions += [
        Question({"failing": f"count(*) FILTER (WHERE {condition.breaks})"})
        for condition in conditions.values()
    ]
    total, *answers = ask(session, table.rows_sql, questions)
    if isinstance(total, OpenDataError):
        raise total
    rows: int = total["rows"]
    taken: dict[int, RowRule] = {}
    counts: dict[str, int] = {}
    session.execute(f'CREATE TEMP TABLE {PLACES} ("#file" BIGINT, "#row" BIGINT, rule INTEGER)')
    for (at, condition), answer in zip(conditions.items(), answers, strict=True):
        failing = 0 if isinstance(answer, OpenDataError) else answer["failing"]
        if 0 < failing <= contract.rules[at].may_take_out(rows):
            taken[at] = condition
            counts[condition.label] = counts.get(condition.label, 0) + failing
            session.execute(
                f'INSERT INTO {PLACES} SELECT "#file", "#row", {at} FROM {table.rows_sql} '
                f"WHERE {condition.breaks}"
            )
    for at, condition, failing in _guarded(session, table, contract, rows, limits):
        taken[at] = condition
        counts[condition.label] = counts.get(condition.label, 0) + failing
    return BrokenTable(session, table, rows, counts, taken, _starts(table))


def _guarded(
    session: Session, table: Table, contract: Contract, rows: int, limits: Limits
) -> Iterator[tuple[int, RowRule, int]]:
    """The rules that are SQL of the contract's own: judged in a process that can be ended."""
    plain = plain_rules(session, table, contract)
    rules = {
        at: rule
        for at, rule in enumerate(contract.rules)
        if isinstance(rule, CrossFieldRule) and rule.quarantines and rule not in plain
    }
    if not rules:
        return
    with tempfile.TemporaryDirectory(prefix="opendata-places-") as folder:
        for at, outcome, path in broken_places(table, rules, rows, limits, folder):
            with session.named("found_places", pq.read_table(path)):
                session.execute(f'INSERT INTO {PLACES} SELECT *, {at} FROM "found_places"')
            yield at, expression_rule(rules[at], outcome.fields), outcome.failing


def _conditions(
    session: Session, table: Table, contract: Contract, references: References
) -> dict[int, RowRule]:
    plain = plain_rules(session, table, contract)
    found: dict[int, RowRule] = {}
    for at, rule in enumerate(contract.rules):
        if not rule.quarantines:
            continue
        if isinstance(rule, CrossFieldRule):
            condition = plain.get(rule)
        elif obstacle(rule, table, contract):
            continue
        elif isinstance(rule, UniqueRule):
            condition = _unique(rule, table)
        else:
            condition = references.condition(rule) or row_rule(rule, table)
        if condition is not None:
            found[at] = condition
    return found


def _unique(rule: UniqueRule, table: Table) -> RowRule:
    """All rows of a value that stands in several: which of them is right, nobody knows here."""
    present = " AND ".join(f"{name(field)} IS NOT NULL" for field in rule.fields)
    one = names(rule.fields) if len(rule.fields) == 1 else f"({names(rule.fields)})"
    several = (
        f"SELECT {one} FROM {table.rows_sql} WHERE {present} "
        f"GROUP BY {names(rule.fields)} HAVING count(*) > 1"
    )
    return RowRule(
        label=rule.label,
        fields=rule.fields,
        severity=rule.severity,
        breaks=f"({present} AND {one} IN ({several}))",
        looks_at=f"count(*) FILTER (WHERE {present})",
        fault="in more than one row",
        hint="drop repeated rows, or name the fields that tell rows apart",
    )


def _starts(table: Table) -> tuple[int, ...]:
    """Where each file begins if rows are numbered throughout, and where the last one ends."""
    starts = [0]
    for path in table.files:
        starts.append(starts[-1] + pq.read_metadata(path).num_rows)
    return tuple(starts)


def _cut(
    batch: pa.RecordBatch,
    places: np.ndarray,
    rules: pa.Array,
    words: tuple[pa.Array, pa.Array],
    start: int,
    found: slice,
) -> SplitRows:
    """A batch in two; `places` count from the file's first row, the batch's own from `start`."""
    here = places[found] - start
    stays = np.ones(batch.num_rows, dtype=bool)
    stays[here] = False
    taken = batch.take(pa.array(here))
    which = rules[found.start : found.stop]
    for column, told in zip((RULE, REASON), words, strict=True):
        if column in batch.schema.names:
            raise Rejected(
                f"a column is called {column!r}, as quarantine calls one of its own",
                code="name_taken",
                hint="rename the column in main.py",
            )
        taken = taken.append_column(column, told.take(which))
    return SplitRows(batch.filter(pa.array(stays)), taken)
