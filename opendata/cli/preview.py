"""`od preview`: the first rows, as they were stored with the release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument

if TYPE_CHECKING:
    from opendata._dataset import Dataset


@click.command()
@reference_argument
@click.option("-n", "--rows", type=click.IntRange(min=1), default=10, help="How many; default 10.")
@with_output
def preview(out: Output, reference: str, rows: int) -> None:
    """Show the first rows; nothing is computed where the stored preview holds enough."""
    from opendata._dataset import Dataset

    dataset = Dataset(reference)
    columns, found = _stored(dataset)
    if len(found) < min(rows, dataset.release.manifest.row_count):
        columns, found = _read(dataset, rows)
    shown = found[:rows]
    out.result(
        {"columns": columns, "rows": shown},
        lambda: out.table(columns, shown),
        ("\t".join(str(value) for value in row) for row in shown),
    )


def _stored(dataset: Dataset) -> tuple[list[str], list[list[Any]]]:
    stored = dataset.preview
    return stored["columns"], stored["rows"]


def _read(dataset: Dataset, wanted: int) -> tuple[list[str], list[list[Any]]]:
    from opendata.cli.saving import rows_of

    rows: list[list[Any]] = []
    for batch in dataset.batches(batch_size=min(wanted, 65_536)):
        rows += [list(row.values()) for row in rows_of(batch.slice(0, wanted - len(rows)))]
        if len(rows) >= wanted:
            break
    return dataset.schema.names, rows
