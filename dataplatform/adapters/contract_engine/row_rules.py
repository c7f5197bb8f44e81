"""Rules that a row keeps or breaks by itself, as SQL conditions.

Here belong the conditions and the sentences about them. All of them are counted in one pass (see
`duckdb`); rules over the order or the repetition of rows stand in `order_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, text
from dataplatform.contracts.model import (
    Contract,
    EnumSetRule,
    NotNullRule,
    RangeRule,
    RegexRule,
    Rule,
    Severity,
)
from dataplatform.contracts.values import is_text

LONG_LIST: Final = 100


@dataclass(frozen=True)
class RowRule:
    """One condition: `breaks` is true for offending rows; `looks_at` counts what is judged.

    `may_break`, where it is there, is an aggregate that costs next to nothing beside a profile:
    where it is false, no row breaks the condition.
    `is_about_nulls` where nothing but a null among the fields of any row can break it.
    """

    label: str
    fields: tuple[str, ...]
    severity: Severity
    breaks: str
    looks_at: str
    fault: str
    hint: str
    may_break: str | None = None
    is_about_nulls: bool = False


def nullability(contract: Contract) -> Iterator[RowRule]:
    """What `nullable: false` asks, but for the key, whose nulls are told with the key."""
    for field in contract.fields:
        if not field.nullable and field.name not in contract.primary_key:
            yield _not_null(f"not_null({field.name})", (field.name,), Severity.ERROR)


def row_rule(rule: Rule, table: Table) -> RowRule | None:
    """The rule as a condition, or None where its kind is not judged row by row."""
    if isinstance(rule, NotNullRule):
        return _not_null(rule.label, rule.fields, rule.severity)
    if isinstance(rule, RangeRule):
        return _range(rule, table)
    if isinstance(rule, RegexRule):
        return _regex(rule)
    if isinstance(rule, EnumSetRule):
        return _enum_set(rule, table)
    return None


def _not_null(label: str, fields: tuple[str, ...], severity: Severity) -> RowRule:
    return RowRule(
        label=label,
        fields=fields,
        severity=severity,
        breaks=" OR ".join(f"{name(field)} IS NULL" for field in fields),
        may_break=" OR ".join(f"count({name(field)}) < count(*)" for field in fields),
        looks_at="count(*)",
        fault="null",
        hint="fill or drop these rows, or declare `nullable: true`",
        is_about_nulls=True,
    )


def _range(rule: RangeRule, table: Table) -> RowRule:
    column = name(rule.field)
    broken, beyond, shown = [], [], []
    if rule.min is not None:
        broken.append(f"{column} < {table.literal(rule.field, rule.min)}")
        beyond.append(f"min({column}) < {table.literal(rule.field, rule.min)}")
        shown.append(f"at least {rule.min}")
    if rule.max is not None:
        broken.append(f"{column} > {table.literal(rule.field, rule.max)}")
        beyond.append(f"max({column}) > {table.literal(rule.field, rule.max)}")
        shown.append(f"at most {rule.max}")
    if pa.types.is_floating(table.type_of(rule.field)):
        broken.append(f"isnan({column})")
        beyond.append(f"isnan(max({column}))")  # no number is greater than NaN
    return RowRule(
        label=rule.label,
        fields=(rule.field,),
        severity=rule.severity,
        breaks=" OR ".join(broken),
        may_break=f"coalesce({' OR '.join(beyond)}, false)",
        looks_at=f"count({column})",
        fault=f"not {' and '.join(shown)}",
        hint="correct the values at their source, or widen the range in the contract",
    )


def _regex(rule: RegexRule) -> RowRule:
    column = name(rule.field)
    return RowRule(
        label=rule.label,
        fields=(rule.field,),
        severity=rule.severity,
        breaks=f"NOT regexp_full_match({column}, {text(rule.pattern)})",
        looks_at=f"count({column})",
        fault=f"not of the form {rule.pattern}",
        hint="the whole text has to match; correct the values, or the pattern",
    )


def _enum_set(rule: EnumSetRule, table: Table) -> RowRule:
    listed = ", ".join(table.literal(rule.field, value) for value in rule.values)
    shown = ", ".join(str(value) for value in rule.values[:5])
    more = f" … ({len(rule.values)} values)" if len(rule.values) > 5 else ""
    return RowRule(
        label=rule.label,
        fields=(rule.field,),
        severity=rule.severity,
        breaks=_is_no_member(rule, table, listed),
        looks_at=f"count({name(rule.field)})",
        fault=f"none of {shown}{more}",
        hint="correct the values, or add what is missing to `values`",
    )


def _is_no_member(rule: EnumSetRule, table: Table, listed: str) -> str:
    column, kind = name(rule.field), table.type_of(rule.field)
    if len(rule.values) > LONG_LIST:
        # A long list is looked up as a set instead of being compared member by member.
        return f"{column} NOT IN (SELECT unnest([{listed}]))"
    if is_text(kind) and all(isinstance(value, str) for value in rule.values):
        # A function of one column is evaluated once per entry of a dictionary, IN once per row.
        return f"NOT list_contains([{listed}], {column})"
    return f"{column} NOT IN ({listed})"
