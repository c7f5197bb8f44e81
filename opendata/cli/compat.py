"""`od compat`: who can read what, and what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument

if TYPE_CHECKING:
    from opendata.wire.compatibility import Cell

_COLOURS = {"compatible": "green", "compatible_with_adapter": "yellow", "incompatible": "red"}


@click.command()
@reference_argument
@click.option("--reader", metavar="SCHEMA", help="Only this schema version, such as 1.3.")
@click.option("--all", "everything", is_flag=True, help="Earlier releases as targets, too.")
@with_output
def compat(out: Output, reference: str, reader: str | None, everything: bool) -> None:
    """Tell which readers can read a data set: as it is, through adapters, or not, and why.

    \b
    od compat ns/name                  every schema version against the current release
    od compat ns/name --reader 1.3     one of them, with each reason on a line
    od compat ns/name@1.2.0            against another release
    """
    from opendata._dataset import Dataset

    dataset = Dataset(reference)
    manifest = dataset.release.manifest
    cells = dataset.matrix(reader)
    if not everything:
        present = manifest.versioning.schema_version
        cells = [cell for cell in cells if cell.schema_version == present]
    value = {
        "id": manifest.id,
        "release": manifest.release,
        "schema_version": manifest.versioning.schema_version,
        "reader_min": manifest.versioning.reader_min,
        "matrix": [cell.to_json() for cell in cells],
    }
    out.result(
        value,
        lambda: _show_one(out, cells[0]) if reader is not None else _show(out, cells, everything),
        (f"{cell.reader} {cell.schema_version} {cell.verdict}" for cell in cells),
    )


def _show_one(out: Output, cell: Cell) -> None:
    what = cell.verdict.replace("_", " ")
    told = f"a reader of schema {cell.reader} and release {cell.data_release}"
    out.line(f"{told} (schema {cell.schema_version}): {what}", fg=_COLOURS[cell.verdict])
    for reason in cell.reasons:
        out.line(f"  {reason}")
    if cell.adapters:
        out.line(f"  by {', '.join(cell.adapters)}", dim=True)


def _show(out: Output, cells: list[Cell], everything: bool) -> None:
    target = ["schema", "release"] if everything else []
    out.table(
        ["reader", *target, "verdict", "adapters", "why"],
        [
            [
                cell.reader,
                *([cell.schema_version, cell.data_release] if everything else []),
                cell.verdict.replace("_", " "),
                ", ".join(cell.adapters),
                "; ".join(cell.reasons),
            ]
            for cell in cells
        ],
    )
