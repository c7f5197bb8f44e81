"""`od quarantine`: the rows that rules took out of a release, with the rule and the reason."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument
from opendata.wire.words import counted


@click.command()
@reference_argument
@click.option("-n", "--rows", type=click.IntRange(min=1), default=10, help="How many; default 10.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Save all of them to a .csv, .parquet or .json file.")  # fmt: skip
@with_output
def quarantine(out: Output, reference: str, rows: int, output: Path | None) -> None:
    """Show the rows that rules with `action: quarantine` took out of a release."""
    from opendata._dataset import Dataset
    from opendata.cli.saving import format_for, rows_of, save
    from opendata.reading.quarantine import quarantine_facts

    dataset = Dataset(reference)
    name = f"{dataset.reference.id}@{dataset.release.version}"
    facts = quarantine_facts(dataset.release.manifest)
    if facts is None:
        out.result({"id": name, "rows": 0}, lambda: out.line(f"{name} has no row in quarantine"))
        return
    batches = dataset.quarantine_batches()
    with closing(batches):
        if output is not None:
            count = save(batches, dataset.quarantine_schema, format_for(None, output), output)
            told = f"saved {counted(count, 'row')} to {output}"
            out.result({"id": name, **facts, "output": output}, lambda: out.good(told), [output])
            return
        first: list[dict[str, object]] = []
        for batch in batches:
            first += rows_of(batch.slice(0, rows - len(first)))
            if len(first) >= rows:
                break
    columns = dataset.quarantine_schema.names
    cells = [list(row.values()) for row in first]

    def show() -> None:
        out.table(columns, cells)
        out.note(f"{counted(dataset.quarantined_rows, 'row')} in quarantine of {name}")

    body = {"id": name, **facts, "columns": columns, "first": cells}
    out.result(body, show, ("\t".join(str(value) for value in row) for row in cells))
