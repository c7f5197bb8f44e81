"""SQL that a contract brings along: read as a tree, and refused where it is more than a question.

Here belongs what such SQL may be: one boolean expression over a row, or one SELECT over `data`. It
is parsed by the engine's own parser, so nothing is guessed from its text. Running it belongs to
`guarded`, which bounds what it may use.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dataplatform.adapters.duckdb.session import Session
from opendata.wire.errors import InvalidInput

DATA: Final = "data"
ROW_MAKERS: Final = ("range", "generate_series", "unnest")

_NOT_IN_EXPRESSION: Final = {
    "SUBQUERY": "a query",
    "WINDOW": "a window function",
    "STAR": "a star",
    "PARAMETER": "a parameter",
}
_EMPTY_PARTS: Final = (
    "modifiers", "where_clause", "group_expressions", "group_sets", "having", "sample", "qualify",
)  # fmt: skip
_EXPRESSION_HINT: Final = (
    "write one condition over the columns of a row, such as `close >= open`; "
    "whatever needs other rows belongs in a rule of kind custom"
)
_QUERY_HINT: Final = "write one SELECT over the table `data` that returns the offending rows"


def expression_columns(session: Session, sql: str) -> list[str]:
    """Check a boolean expression over one row; the names it uses as columns.

    Raises:
        InvalidInput: saying what it is instead.
    """
    columns: list[str] = []
    for part in expression_parts(session, sql):
        if part.get("class") == "COLUMN_REF":
            columns.extend(part["column_names"])
    return list(dict.fromkeys(columns))


def expression_parts(session: Session, sql: str) -> list[dict[str, Any]]:
    """Check a boolean expression over one row; the objects of its tree.

    Raises:
        InvalidInput: saying what it is instead.
    """
    node = _only_statement(session, f"SELECT {sql}\n", _EXPRESSION_HINT)["node"]
    single = node["type"] == "SELECT_NODE" and len(node["select_list"]) == 1
    if not single or node["from_table"]["type"] != "EMPTY" or any(node[p] for p in _EMPTY_PARTS):
        raise InvalidInput("this is not one expression", hint=_EXPRESSION_HINT)
    if node["select_list"][0]["alias"] or node["cte_map"]["map"]:
        raise InvalidInput("an expression has no name", hint=_EXPRESSION_HINT)
    parts = list(_parts(node["select_list"]))
    for part in parts:
        if refused := _NOT_IN_EXPRESSION.get(str(part.get("class"))):
            raise InvalidInput(f"an expression cannot hold {refused}", hint=_EXPRESSION_HINT)
    return parts


def checked_query(session: Session, sql: str) -> str:
    """Check a SELECT over `data`; its text as something that can stand in parentheses.

    Raises:
        InvalidInput: saying what it does beyond that.
    """
    tree = _only_statement(session, sql, _QUERY_HINT)
    parts = list(_parts(tree))
    tables = {DATA, *_names_given(parts)}
    for part in parts:
        kind = part.get("type")
        if kind == "BASE_TABLE":
            _check_table(part, tables)
        elif kind == "TABLE_FUNCTION":
            _check_table_function(part["function"]["function_name"])
        elif kind == "SHOW_REF":
            raise InvalidInput("DESCRIBE, SHOW and SUMMARIZE return no rows of `data`")
    return f"({sql.strip().rstrip(';')}\n)"


def _only_statement(session: Session, sql: str, hint: str) -> dict[str, Any]:
    """The tree of the one SELECT that the text is.

    Raises:
        InvalidInput: for a syntax error, another kind of statement, or several of them.
    """
    answer = session.row("SELECT json_serialize_sql($1) AS tree", [sql])["tree"]
    try:
        tree = json.loads(answer)
    except RecursionError as error:
        raise InvalidInput("the expression is nested too deeply", hint=hint) from error
    if tree["error"]:
        raise InvalidInput(_refusal(tree), hint=hint)
    statements: list[dict[str, Any]] = tree["statements"]
    if len(statements) != 1:
        raise InvalidInput(f"one statement is expected, here are {len(statements)}", hint=hint)
    return statements[0]


def _refusal(tree: dict[str, Any]) -> str:
    if tree.get("error_type") == "not implemented":
        return "only a SELECT is allowed here"
    return f"SQL cannot be read: {tree.get('error_message')}"


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in the tree; with a stack of our own, because trees may be deep."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _names_given(parts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The names of common table expressions."""
    for part in parts:
        entries = part.get("cte_map", {}).get("map", []) if "cte_map" in part else []
        yield from (entry["key"].casefold() for entry in entries)


def _check_table(part: dict[str, Any], tables: set[str]) -> None:
    written = part["table_name"]
    if part.get("schema_name") or part.get("catalog_name"):
        raise InvalidInput(f"{written!r} is read from elsewhere", hint=_QUERY_HINT)
    if written.casefold() not in tables:
        near = difflib.get_close_matches(written.casefold(), sorted(tables), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidInput(f"there is no table {written!r}{meant}", hint=_QUERY_HINT)


def _check_table_function(function: str) -> None:
    if function.casefold() not in ROW_MAKERS:
        allowed = ", ".join(ROW_MAKERS)
        raise InvalidInput(f"{function}() is not allowed; rows may come from {allowed}")
