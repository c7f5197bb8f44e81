"""`od repair`: find what a crash or a hand left behind, and finish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataplatform.bundles.ports import BundlePorts
    from dataplatform.releases.findings import Finding
    from opendata.stores.port import ObjectStore
    from opendata.wire.bundle import BundleRef
    from opendata.wire.ids import DatasetId


@click.command()
@click.argument("dataset", required=False, metavar="[NS/NAME]", shell_complete=complete_reference)
@click.option("--dry-run", is_flag=True, help="Only say what is found.")
@with_output
def repair(out: Output, dataset: str | None, dry_run: bool) -> int:
    """Rebuild derived copies that do not show the current release; without a name, all of them.

    Without a name also those of bundles: documents, their catalogue, and what did not get to the
    index repository. Releases and locks are never touched. Ends with 6 if a pointer, a release or a
    lock itself is damaged, or the index repository does not answer.
    """
    from dataplatform.cli.place import find_settings
    from dataplatform.releases import repair as verbs
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id

    platform = from_settings(find_settings())
    ports = platform.ports
    targets = [parse_dataset_id(dataset)] if dataset else verbs.published_ids(ports)
    act = verbs.inspect if dry_run else verbs.repair
    found: list[Finding] = []
    with out.progress("looking", len(targets)) as advance:
        for target in targets:
            found += act(ports, target)
            advance(str(target))
    if dataset and not found:
        _require_published(ports.store, targets[0])
    bundles: Sequence[BundleRef] = ()
    if not dataset:
        bundles, of_bundles = _bundles(out, platform.bundles, dry_run)
        found += of_bundles
    out.result(
        {
            "dry_run": dry_run,
            "datasets": len(targets),
            "bundles": len(bundles),
            "findings": [one.to_json() for one in found],
        },
        lambda: _show(out, found, len(targets), len(bundles), dry_run),
        (one.object for one in found),
    )
    return Corrupt.exit_code if any(_is_damage(one) for one in found) else 0


def _bundles(
    out: Output, ports: BundlePorts, dry_run: bool
) -> tuple[Sequence[BundleRef], list[Finding]]:
    """The bundles that there are, and what of theirs was found, and mended unless `dry_run`."""
    from dataplatform.bundles.catalogue import published_bundles
    from dataplatform.bundles.settle import find_unsettled, settle

    try:
        refs = published_bundles(ports)
        with out.progress("looking at bundles", len(refs)) as advance:
            found = find_unsettled(ports, tell=advance)
    except NotFound:
        return (), []  # there is no store yet
    if not dry_run and any(one.repairable for one in found):
        found += settle(ports, found)
    return refs, found


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


def _show(out: Output, found: list[Finding], count: int, bundles: int, dry_run: bool) -> None:
    for one in found:
        word, colour = _verdict(one, dry_run)
        out.line(f"{word}: {one.object}", fg=colour)
        out.line(f"    {one.problem}")
    if not found:
        of_bundles = f" and {counted(bundles, 'bundle')}" if bundles else ""
        out.line(f"✓ nothing to repair in {counted(count, 'data set')}{of_bundles}", fg="green")


def _verdict(one: Finding, dry_run: bool) -> tuple[str, str | None]:
    if one.repairable:
        return ("to repair", "yellow") if dry_run else ("repaired", "green")
    return ("damaged", "red") if _is_damage(one) else ("left alone", None)
