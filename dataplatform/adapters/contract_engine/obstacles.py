"""Why a rule cannot be evaluated over a table: a column is missing, or is another thing."""

from __future__ import annotations

from collections.abc import Sequence

from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.model import Contract, DimCheckRule, NotNullRule, Rule
from dataplatform.contracts.schema_fit import fits


def obstacle(rule: Rule, table: Table, contract: Contract) -> str | None:
    """Why a rule cannot be evaluated over this table, or None."""
    if isinstance(rule, NotNullRule):
        missing = [field for field in rule.fields if field not in table.columns]
        return _absent(missing[0], table) if missing else None
    if isinstance(rule, DimCheckRule):
        return None  # it is about units and looks at no column
    return field_obstacle(rule.concerned, table, contract)


def field_obstacle(fields: Sequence[str], table: Table, contract: Contract) -> str | None:
    for field in fields:
        if field not in table.columns:
            return _absent(field, table)
        if field in table.inexact:
            return f"column {field!r} cannot be compared exactly: {table.inexact[field]}"
        declared = contract.field(field)
        if declared and not fits(declared.arrow_type, table.schema.field(field).type):
            return f"column {field!r} has another type than {declared.type}"
    return None


def _absent(field: str, table: Table) -> str:
    return table.unreadable.get(field) or f"the table has no column {field!r}"
