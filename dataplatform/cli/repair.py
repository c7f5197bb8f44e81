"""`od repair`: find what a crash or a hand left behind, and finish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.words import counted

if TYPE_CHECKING:
    from dataplatform.releases.repair import Finding
    from opendata.stores.port import ObjectStore
    from opendata.wire.ids import DatasetId


@click.command()
@click.argument("dataset", required=False, metavar="[NS/NAME]", shell_complete=complete_reference)
@click.option("--dry-run", is_flag=True, help="Only say what is found.")
@with_output
def repair(out: Output, dataset: str | None, dry_run: bool) -> int:
    """Rebuild derived copies that do not show the current release; without a name, all of them.

    Releases are never touched. Ends with 6 if a pointer or a release itself is damaged.
    """
    from dataplatform.cli.place import find_settings
    from dataplatform.releases import repair as verbs
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id

    ports = from_settings(find_settings()).ports
    targets = [parse_dataset_id(dataset)] if dataset else verbs.published_ids(ports)
    act = verbs.inspect if dry_run else verbs.repair
    found: list[Finding] = []
    with out.progress("looking", len(targets)) as advance:
        for target in targets:
            found += act(ports, target)
            advance(str(target))
    if dataset and not found:
        _require_published(ports.store, targets[0])
    out.result(
        {
            "dry_run": dry_run,
            "datasets": len(targets),
            "findings": [one.to_json() for one in found],
        },
        lambda: _show(out, found, len(targets), dry_run),
        (one.object for one in found),
    )
    return Corrupt.exit_code if any(_is_damage(one) for one in found) else 0


def _require_published(store: ObjectStore, dataset: DatasetId) -> None:
    """Nothing to repair is good news only about a data set that there is.

    Raises:
        NotFound: with did-you-mean, if it is not published here.
    """
    from opendata.reading.catalogue import explain_unknown
    from opendata.reading.resolve import read_current

    if read_current(store, dataset) is None:
        unknown = NotFound(f"{dataset} is not published in {store.url}", code="unknown_dataset")
        raise explain_unknown(store, dataset, unknown)


def _is_damage(finding: Finding) -> bool:
    return not finding.repairable and "never published" not in finding.problem


def _show(out: Output, found: list[Finding], count: int, dry_run: bool) -> None:
    for one in found:
        word, colour = _verdict(one, dry_run)
        out.line(f"{word}: {one.object}", fg=colour)
        out.line(f"    {one.problem}")
    if not found:
        out.line(f"✓ nothing to repair in {counted(count, 'data set')}", fg="green")


def _verdict(one: Finding, dry_run: bool) -> tuple[str, str | None]:
    if one.repairable:
        return ("to repair", "yellow") if dry_run else ("repaired", "green")
    return ("damaged", "red") if _is_damage(one) else ("left alone", None)
