"""Empty parts: a producer says that there is nothing for the interval that it was asked for.

It says so with a table that has the columns and no rows; ending without a table still fails. What
types such a table has says nothing, so those of what stands beside it count. Here belongs what
keeps a source that suddenly answers with nothing from emptying a release.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.describe import Ingredients
from opendata.reading.type_names import parse_arrow_type
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import FileEntry


def schema_of_nothing(ingredients: Ingredients, columns: Sequence[str]) -> pa.Schema:
    """The schema of a part without rows: that of what it is put beside.

    Raises:
        ProducerFailed: class parse, if there is nothing beside it or its columns are others.
    """
    dataset, beside = ingredients.definition.id, ingredients.beside
    if beside is None:
        raise ProducerFailed(
            f"{dataset}: the producer has no rows for the asked interval, and there is nothing yet "
            "that it could be put beside",
            failure_class=FailureClass.PARSE,
            hint=f"begin with an interval that has rows, or with everything: od run {dataset}",
        )
    expected = [field.name for field in beside.schema]
    if set(columns) != set(expected):
        raise ProducerFailed(
            f"{dataset}: the empty table has the columns {', '.join(columns)}, all others have "
            f"{', '.join(expected)}",
            failure_class=FailureClass.PARSE,
            hint="give the empty table the same columns as a full one",
        )
    return pa.schema(
        [pa.field(field.name, parse_arrow_type(field.type)) for field in beside.schema]
    )


def no_rows(dataset: DatasetId, clipped: int) -> ProducerFailed:
    """The error of a run that brought no row; `clipped` rows lie outside of what it asked for."""
    what, hint = "no rows", "check what the source answered: od run prints the producer's log"
    if clipped:
        what = f"{clipped:,} rows, and none of the asked interval"
        hint = "where the source has nothing for it, give an empty table with the same columns"
    return ProducerFailed(
        f"{dataset}: the producer yielded {what}", failure_class=FailureClass.PARSE, hint=hint
    )


def refuse_to_empty(ingredients: Ingredients, kept: int, untouched: Sequence[FileEntry]) -> None:
    """See that a part without rows takes no rows away.

    Args:
        kept: Rows outside of its interval in the shards that it touches.
        untouched: The other shards.

    Raises:
        ProducerFailed: class parse, if there are rows that it would take away.
    """
    dataset, beside = ingredients.definition.id, ingredients.beside
    before = beside.row_count if beside else 0
    rows_lost = before - kept - sum(entry.row_count for entry in untouched)
    if rows_lost > 0:
        raise ProducerFailed(
            f"{dataset}: the producer has no rows for the asked interval, where {rows_lost:,} are "
            "now: an answer without rows takes none away",
            failure_class=FailureClass.PARSE,
            hint=f"if the source has withdrawn them, ask it for everything: od run {dataset}",
        )
