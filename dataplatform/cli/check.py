"""`od check`: every mistake in a producer that can be found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from dataplatform.adapters.producers.folder import DEFINITION, MAIN, load_producer, shown
from dataplatform.cli.completing import complete_producer
from dataplatform.cli.contract_check import contract_findings
from dataplatform.cli.main_file import check_main
from dataplatform.cli.place import find_settings, producer_folder
from dataplatform.errors import InvalidDefinition, SourceFinding
from dataplatform.settings import Settings
from opendata.cli.output import Output, with_output
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.ids import parse_dataset_id
from opendata.wire.words import counted


@dataclass(frozen=True)
class CheckedProducer:
    """What was found in one folder; any error keeps the producer from running."""

    id: str
    folder: str
    errors: tuple[SourceFinding, ...]
    warnings: tuple[SourceFinding, ...]

    def to_json(self) -> dict[str, Any]:
        """The findings by name."""
        return asdict(self)


@click.command()
@click.argument("target", required=False, metavar="[PATH|NS/NAME|all]",
                shell_complete=complete_producer)  # fmt: skip
@with_output
def check(out: Output, target: str | None) -> int:
    """Check opendata.yaml and main.py; without a target the producer here, else all of them.

    Nothing is run and nothing is fetched. Ends with 2 if something is wrong; warnings are advice.
    """
    checked = [check_producer(folder) for folder in _folders(find_settings(), target)]
    broken = [one for one in checked if one.errors]
    out.result(
        [one.to_json() for one in checked],
        lambda: _show(out, checked),
        (str(error) for one in broken for error in one.errors),
    )
    return InvalidInput.exit_code if broken else 0


def check_producer(folder: Path) -> CheckedProducer:
    """Everything to say about the producer in a folder; never raises for what is in it."""
    errors: tuple[SourceFinding, ...] = ()
    warnings: tuple[SourceFinding, ...] = ()
    try:
        producer = load_producer(folder)
        found = list(contract_findings(producer.definition, folder / DEFINITION))
        errors = tuple(finding for finding, blocks in found if blocks)
        told = (finding for finding, blocks in found if not blocks)
        warnings = (*producer.warnings, *told)
    except InvalidDefinition as error:
        errors = error.findings
    main = folder / MAIN
    if main.is_file():
        errors += tuple(check_main(main.read_bytes(), shown(main)))
    return CheckedProducer(f"{folder.parent.name}/{folder.name}", shown(folder), errors, warnings)


def _folders(settings: Settings, target: str | None) -> list[Path]:
    if target is None and (Path.cwd() / DEFINITION).is_file():
        return [Path.cwd()]
    if target not in (None, "all"):
        return [_folder_of(settings, target)]
    found = list(_all_folders(settings.producers))
    if not found:
        raise NotFound(
            f"there are no producers in {settings.producers}",
            code="no_producers",
            hint="od init NS/NAME writes the first one",
        )
    return found


def _folder_of(settings: Settings, target: str) -> Path:
    folder = producer_folder(target)
    if folder is not None:
        return folder
    dataset = parse_dataset_id(target)
    folder = settings.producers / dataset.namespace / dataset.name
    if not folder.is_dir():
        known = [f"{path.parent.name}/{path.name}" for path in _all_folders(settings.producers)]
        raise NotFound(
            f"{shown(settings.producers)} has no producer {dataset}",
            code="unknown_producer",
            hint=did_you_mean(target, known) or f"od init {dataset}",
        )
    return folder


def _all_folders(root: Path) -> Iterator[Path]:
    for path in sorted(root.glob("*/*/")):
        if not path.name.startswith((".", "_")) and not path.parent.name.startswith((".", "_")):
            yield path


def _show(out: Output, checked: list[CheckedProducer]) -> None:
    for one in checked:
        mark, colour = ("✗", "red") if one.errors else ("✓", "green")
        out.line(f"{mark} {one.id}", fg=colour)
        for finding in one.errors:
            _show_finding(out, finding, "error")
        for finding in one.warnings:
            _show_finding(out, finding, "warning")
    errors = sum(len(one.errors) for one in checked)
    warnings = sum(len(one.warnings) for one in checked)
    out.note(
        f"{counted(len(checked), 'producer')}: {counted(errors, 'error')}, "
        f"{counted(warnings, 'warning')}"
    )
    if len(checked) == 1 and not errors:
        out.note(f"next: od run {checked[0].id} --dry-run")


def _show_finding(out: Output, finding: SourceFinding, kind: str) -> None:
    place = f"{finding.path}:{finding.line}:{finding.column}"
    out.line(f"  {place}: {kind}: {finding.message}", fg="yellow" if kind == "warning" else None)
    if finding.hint:
        out.line(f"      → {finding.hint}")
