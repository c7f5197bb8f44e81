"""`od patch`: corrections of the current release become the next one, or nothing happens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Mode, Output, with_output
from opendata.cli.references import dataset_argument
from opendata.wire.errors import Denied, InvalidInput

if TYPE_CHECKING:
    from dataplatform.releases.chain import Rehearsal


@click.command()
@dataset_argument
@click.argument("file", metavar="PATCH")
@click.option("--dry-run", is_flag=True, help="Show what would change and the version it gets.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_output
def patch(out: Output, dataset: str, file: str, dry_run: bool, yes: bool) -> None:
    """Apply the operations of a YAML or JSON file to the current release and publish the result.

    \b
    ops:
      - {op: UPSERT_RECORD, pk: {date: 2024-03-01}, values: {y10: 4.19}}
      - {op: DELETE_RECORD, pk: {date: 2024-03-02}}
      - {op: ADD_FIELD, name: y30, type: float64, nullable: true}

    Operations: ADD_FIELD, DROP_FIELD, ALTER_FIELD, UPSERT_RECORD, DELETE_RECORD, REINDEX. All of
    them count, in their order, or none. PATCH may be - for standard input.
    """
    from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
    from dataplatform.cli.patch_files import STDIN, load_patch
    from dataplatform.cli.patching import preview_patch, publish_patch
    from dataplatform.cli.place import find_settings, rehearsal
    from dataplatform.cli.run import show_nothing_new, show_released
    from dataplatform.releases.chain import Released
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id

    delay_pandas()
    name, _, pinned = dataset.partition("@")
    _require_order(dataset, file)
    identity = parse_dataset_id(name)
    operations = load_patch(file)
    if pinned:
        operations = operations.upon(pinned)
    folder = Path() if file == STDIN else Path(file).expanduser().parent
    settings = find_settings()
    if dry_run:
        with rehearsal(settings) as platform, out.steps() as step:
            found = preview_patch(platform, identity, operations, folder, out.warn, step)
        _show_rehearsal(out, name, file, found)
        return
    _confirm(out, f"patch {name} in {settings.store_url} with {file}?", yes)
    with out.steps() as step:
        result = publish_patch(
            from_settings(settings), identity, operations, folder, out.warn, step, out.log
        )
    if isinstance(result, Released):
        show_released(out, result)
    else:
        show_nothing_new(out, name, result)


def _require_order(dataset: str, file: str) -> None:
    if Path(dataset).expanduser().is_file() and not Path(file).expanduser().is_file():
        raise InvalidInput(
            f"NS/NAME comes first, then the patch: {dataset} is a file",
            code="swapped_arguments",
            hint=f"od patch {file} {dataset}",
        )


def _confirm(out: Output, question: str, yes: bool) -> None:
    """Ask where somebody can answer; a script has said what it wants by calling."""
    if yes or out.mode is not Mode.HUMAN or not sys.stdin.isatty():
        return
    if not click.confirm(question, default=True, err=True):
        raise Denied("nothing was published", code="declined", hint="answer y, or add --yes")


def _show_rehearsal(out: Output, dataset: str, file: str, result: Rehearsal) -> None:
    from dataplatform.cli.changes import report_json, show_change

    assert result.change is not None  # a problem was raised, so both are there
    assert result.numbers is not None
    change, version = result.change, str(result.numbers.data_release)
    row_count = result.checked.built.candidate.row_count

    def show() -> None:
        if change.is_empty:
            out.line("✓ nothing new: the current release has these values already", fg="green")
            return
        show_change(out, change, row_count)
        out.line(f"✓ it would become {dataset}@{version} ({change.data_bump} step)", fg="green")
        out.line(f"  od patch {dataset} {file}")

    body: dict[str, Any] = {
        "id": dataset,
        "outcome": "unchanged" if change.is_empty else "would_publish",
        "release": None if change.is_empty else version,
        "row_count": row_count,
        "contract": report_json(result.checked.contract),
        "quality": report_json(result.checked.quality),
        "change": change.to_json(),
    }
    out.result(body, show, [f"{dataset}@{version}"])
