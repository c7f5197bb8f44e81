"""Cross-field rules that are nothing but comparisons and arithmetic, judged in the one pass.

Here belongs telling them from all other SQL of a contract: their cost is that of a condition of
ours, and no part of them can take more memory or time, so they need no process of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.contract_engine.row_rules import RowRule
from dataplatform.adapters.contract_engine.user_sql import expression_parts
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.model import Contract, CrossFieldRule
from opendata.wire.errors import OpenDataError

_CLASSES: Final = ("COMPARISON", "CONJUNCTION", "BETWEEN", "CONSTANT", "COLUMN_REF")
_OPERATORS: Final = (
    "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT", "OPERATOR_COALESCE",
    "COMPARE_IN", "COMPARE_NOT_IN",
)  # fmt: skip
_ARITHMETIC: Final = ("+", "-", "*", "/", "//", "%")


def plain_rules(
    session: Session, table: Table, contract: Contract
) -> Mapping[CrossFieldRule, RowRule]:
    """The contract's plain expressions as conditions; whatever else there is stays out."""
    if table.through_arrow:
        return {}  # these rows are read in other types than a contract's SQL sees
    rules = (rule for rule in contract.rules if isinstance(rule, CrossFieldRule))
    return {rule: found for rule in rules if (found := _condition(session, table, rule))}


def _condition(session: Session, table: Table, rule: CrossFieldRule) -> RowRule | None:
    try:
        parts = [part for part in expression_parts(session, rule.expr) if "class" in part]
        if not all(map(_is_plain, parts)):
            return None
        used = {written.casefold() for part in parts for written in _written(part)}
        fields = tuple(column for column in table.columns if column.casefold() in used)
        if len(fields) < len(used) or not _is_boolean(session, table, rule.expr):
            return None
    except OpenDataError:
        return None  # it is told where all SQL of a contract is judged
    return expression_rule(rule, fields)


def expression_rule(rule: CrossFieldRule, fields: tuple[str, ...]) -> RowRule:
    """An expression as a condition over its fields."""
    return RowRule(
        label=rule.label,
        fields=fields,
        severity=rule.severity,
        breaks=f"NOT ({rule.expr}\n)",
        looks_at=f"count(({rule.expr}\n))",
        fault=f"against {rule.expr}",
        hint="correct these rows, or the rule",
    )


def _is_plain(part: Mapping[str, Any]) -> bool:
    kind = part["class"]
    if kind == "FUNCTION":
        return bool(part["is_operator"]) and part["function_name"] in _ARITHMETIC
    if kind == "OPERATOR":
        return part["type"] in _OPERATORS
    if kind == "COLUMN_REF" and len(part["column_names"]) > 1:
        return False
    return kind in _CLASSES


def _written(part: Mapping[str, Any]) -> Iterator[str]:
    if part["class"] == "COLUMN_REF":
        yield from part["column_names"]


def _is_boolean(session: Session, table: Table, expression: str) -> bool:
    schema = session.schema(f"SELECT ({expression}\n) FROM ({table.data_sql}) LIMIT 0")
    return bool(pa.types.is_boolean(schema.field(0).type))
