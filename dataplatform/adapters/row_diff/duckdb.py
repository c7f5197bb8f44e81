"""The row diff on DuckDB: by key or as a multiset, in memory that is bounded.

Here belong the choice of memory and the session that both ways of comparing run in. What they
count stands in `keyed` and `multiset`, which columns take part in `sides`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from dataplatform.adapters.duckdb.session import Limits, Session, locked_session
from dataplatform.adapters.duckdb.text import names
from dataplatform.adapters.row_diff.identity import require_unambiguous
from dataplatform.adapters.row_diff.keyed import keyed_diff
from dataplatform.adapters.row_diff.memory import memory_for
from dataplatform.adapters.row_diff.multiset import multiset_diff
from dataplatform.adapters.row_diff.passes import cut, rows_that_fit
from dataplatform.adapters.row_diff.sides import Sides, open_sides
from dataplatform.adapters.row_diff.values import NUMBER_TEXT
from dataplatform.releases.differ import NO_OPTIONS, DiffOptions, RowDiff


class DuckDBRowDiffer:
    """Compares rows within `limits`, and less where memory is short; implements `RowDiffer`.

    `rows_at_once` says how many rows of a side one pass takes; by default as many as fit.
    """

    def __init__(self, limits: Limits | None = None, rows_at_once: int | None = None) -> None:
        self._limits = limits or Limits()
        self._rows_at_once = rows_at_once

    def diff(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        *,
        keys: Sequence[str],
        columns: Sequence[str],
        options: DiffOptions = NO_OPTIONS,
    ) -> RowDiff:
        """How the new rows differ from the old ones; see the port."""
        if not old_files and not new_files:
            return RowDiff(0, 0, 0, keyed=bool(keys))
        memory = memory_for(self._limits.memory_bytes, low=options.low_memory)
        limits = replace(self._limits, memory_bytes=memory)
        if not new_files:
            keys, columns = ([options.former.get(c, c) for c in some] for some in (keys, columns))
            granted = {options.former.get(c, c): most for c, most in options.tolerances.items()}
            options = replace(options, tolerances=granted, former={})
            return _one_sided(old_files, keys, columns, limits, options, change="removed")
        if not old_files:
            options = replace(options, former={})
            return _one_sided(new_files, keys, columns, limits, options, change="added")
        sides = open_sides(old_files, new_files, keys, columns, options)
        passes = cut(sides, self._rows_at_once or rows_that_fit(sides, limits.memory_bytes))
        with _opened(sides, limits) as session:
            if not keys:
                return multiset_diff(session, sides, passes, options)
            for side, table in (("old", sides.old), ("new", sides.new)):
                named = [key.old if side == "old" else key.new for key in sides.keys]
                require_unambiguous(session, side, table, named)
            return keyed_diff(session, sides, passes, options)


def _one_sided(
    files: Sequence[str],
    keys: Sequence[str],
    columns: Sequence[str],
    limits: Limits,
    options: DiffOptions,
    *,
    change: str,
) -> RowDiff:
    """Everything was added, or everything removed; columns as that side calls them."""
    sides = open_sides(files, files, keys, columns, options)
    table = sides.new
    with _opened(sides, limits) as session:
        if keys:
            require_unambiguous(session, change, table, keys)
        count = session.row(f"SELECT count(*) AS n FROM {table.rows_sql}")["n"]
        shown = names(column.new for column in sides.keys or sides.columns)
        sql = f"SELECT {shown} FROM {table.rows_sql} ORDER BY {shown} LIMIT {options.samples}"
        rows = session.rows(sql)
    label = "key" if keys else "row"
    samples = tuple({"change": change, label: table.json_row(row)} for row in rows)
    added, removed = (count, 0) if change == "added" else (0, count)
    options.progress(1.0)
    return RowDiff(
        added,
        removed,
        0,
        samples,
        keyed=bool(keys),
        columns_not_compared=sides.not_compared,
    )


@contextmanager
def _opened(sides: Sides, limits: Limits) -> Iterator[Session]:
    with ExitStack() as stack:
        files = [*sides.old.files, *sides.new.files]
        session = stack.enter_context(locked_session(files, limits))
        for macro in NUMBER_TEXT:
            session.execute(macro)
        for table in (sides.old, sides.new):
            stack.enter_context(table.opened(session))
        yield session
