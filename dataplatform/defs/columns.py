"""Columns: a release's or a contract's fields as Dagster's column schema, with what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import dagster as dg

from dataplatform.defs.names import legal_tags


class Column(Protocol):
    """What a declared field and a released one have in common."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...
    @property
    def aliases(self) -> Sequence[str]: ...


def table_schema(columns: Iterable[Column], primary_key: Sequence[str] = ()) -> dg.TableSchema:
    """The columns with type, unit, description and former names."""
    keys = list(primary_key)
    constraints = dg.TableConstraints(other=[f"primary key ({', '.join(keys)})"] if keys else [])
    return dg.TableSchema([_column(column, keys) for column in columns], constraints=constraints)


def _column(column: Column, keys: Sequence[str]) -> dg.TableColumn:
    said = [column.description] if column.description else []
    if column.unit:
        said.append(f"unit: {column.unit}")
    if column.aliases:
        said.append(f"formerly: {', '.join(column.aliases)}")
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        description="; ".join(said) or None,
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable, unique=keys == [column.name]
        ),
        tags=legal_tags({"unit": column.unit} if column.unit else {}),
    )
