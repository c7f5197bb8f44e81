"""`od load`: rows of a release on the terminal, in a file, or down a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opendata.cli.output import Mode, Output, with_output
from opendata.cli.references import reference_argument
from opendata.wire.errors import InvalidInput
from opendata.wire.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from opendata._dataset import Dataset
    from opendata.wire.manifest import Manifest

SHOWN_ROWS = 10
SMALL_HEAD_ROWS = 1_000
"""Fewer rows than this are asked for as one batch; more come in batches of bounded size."""
STANDARD_OUTPUT = Path("-")


@click.command()
@reference_argument
@click.option("--start", help="First date or time, inclusive: 2024-01-01.")
@click.option("--end", help="Last date or time, inclusive; a bare date is the whole day.")
@click.option("-c", "--columns", multiple=True, help="Columns, separated by commas.")
@click.option(
    "-f", "--filter", "filters", multiple=True, help="Such as 'country == US'; repeatable."
)
@click.option("--format", type=click.Choice(["csv", "parquet", "json", "table"]), help="Default: a "
              "table, or what the file's name says.")  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Save to a file; - is standard output."
)  # fmt: skip
@click.option("--partition", metavar="NAME", help="One logical shard: 2024-03, undated.")
@click.option("--reader", metavar="SCHEMA", help="As code written for this schema version gets "
              "them, such as 1.3; all else is in its words.")  # fmt: skip
@click.option("-n", "--head", type=click.IntRange(min=0), help="Only the first rows.")
@with_output
def load(
    out: Output,
    reference: str,
    start: str | None,
    end: str | None,
    columns: tuple[str, ...],
    filters: tuple[str, ...],
    format: str | None,
    output: Path | None,
    partition: str | None,
    reader: str | None,
    head: int | None,
) -> None:
    """Read rows of a data set; only what is asked for is fetched, and every byte is verified.

    \b
    od load getopendata/world-airports --columns icao,name --filter 'country == US'
    od load getopendata/treasury-yield-curve-daily --start 2024-01-01 -o rates.parquet
    """
    from opendata._dataset import Dataset
    from opendata.cli.filters import parse_filters, split_columns
    from opendata.cli.saving import save

    output = None if output == STANDARD_OUTPUT else output
    chosen = _format(out, format, output)
    dataset = Dataset(reference)
    words, schema, usual = _words(dataset, reader)
    names = split_columns(columns, schema.names) or usual
    batches = dataset.batches(
        batch_size=max(1, head) if head is not None and head < SMALL_HEAD_ROWS else None,
        start=start,
        end=end,
        columns=names,
        filters=parse_filters(filters, words, schema),
        partition=partition,
        reader=reader,
    )
    rows = batches if head is None else _first(batches, head)
    with _bar(out, dataset, chosen, output), closing(batches):
        if chosen == "table":
            seen = _seen(rows, SHOWN_ROWS if head is None else head)
        else:
            count = save(rows, _chosen_schema(words, schema, names), chosen, output)
    if chosen == "table":
        _show(out, *seen)
    elif output is not None:
        saved = {"dataset": str(dataset.reference), "output": output, "rows": count}
        told = f"saved {counted(count, 'row')} to {output}"
        out.result(saved, lambda: out.good(told), [output])
    out.note(dataset.stats)


def _format(out: Output, named: str | None, output: Path | None) -> str:
    """In which format the rows are wanted; with `--json` as JSON, unless a file takes them."""
    from opendata.cli.saving import format_for

    if out.mode is not Mode.JSON or output is not None:
        return format_for(named, output)
    if named not in (None, "json"):
        raise InvalidInput(
            f"--json and --format {named} exclude each other", hint="leave one of them out"
        )
    return "json"


def _first(batches: Iterator[pa.RecordBatch], wanted: int) -> Iterator[pa.RecordBatch]:
    """The first rows; nothing more is fetched than they need."""
    if not wanted:
        return
    for batch in batches:
        yield batch.slice(0, wanted)
        wanted -= batch.num_rows
        if wanted <= 0:
            return


def _bar(
    out: Output, dataset: Dataset, chosen: str, output: Path | None
) -> AbstractContextManager[None]:
    """How far the read is, unless its rows go to the very terminal that it would be drawn on."""
    if chosen != "table" and output is None and sys.stdout.isatty():
        return nullcontext()
    return out.transfer(f"reading {dataset.reference}", lambda: dataset.stats.progress)


def _seen(
    batches: Iterator[pa.RecordBatch], wanted: int
) -> tuple[list[str], list[list[object]], int]:
    """The names of the columns, the first rows, and how many there are."""
    from opendata.cli.saving import rows_of

    shown: list[list[object]] = []
    names: list[str] = []
    count = 0
    for batch in batches:
        names = list(batch.schema.names)
        count += batch.num_rows
        if len(shown) < wanted:
            rows = rows_of(batch.slice(0, wanted - len(shown)))
            shown += [list(row.values()) for row in rows]
    return names, shown, count


def _show(out: Output, names: list[str], shown: list[list[object]], count: int) -> None:
    if not count:
        out.line("no rows")
        return
    out.table(names, shown)
    rest = f", {count - len(shown):,} more" if count > len(shown) else ""
    out.note(f"{counted(len(shown), 'row')} × {counted(len(names), 'column')}{rest}")


def _words(dataset: Dataset, reader: str | None) -> tuple[Manifest, pa.Schema, list[str] | None]:
    """The release that says what things are called, their types, and the usual columns."""
    from opendata.reading.release_schema import release_schema
    from opendata.wire.bridges import in_words_of

    manifest = dataset.release.manifest
    if reader is None:
        return manifest, release_schema(manifest), None
    known = dataset.known_to(reader)
    words = in_words_of(known, manifest)
    return words, release_schema(words), [field.name for field in known.schema]


def _chosen_schema(words: Manifest, schema: pa.Schema, columns: list[str] | None) -> pa.Schema:
    import pyarrow as pa

    from opendata.reading.query import resolve_column

    if columns is None:
        return schema
    return pa.schema([schema.field(resolve_column(words, name)) for name in columns])
