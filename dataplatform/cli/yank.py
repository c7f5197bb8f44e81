"""`od yank`: withdraw a release that readers may have pinned, or take that back."""

from __future__ import annotations

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument


@click.command()
@reference_argument
@click.option("--reason", help="Why; readers who pinned it are told.")
@click.option("--undo", is_flag=True, help="Take the withdrawal back.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and who used it.")
@with_output
def yank(out: Output, reference: str, reason: str | None, undo: bool, dry_run: bool) -> None:
    """Withdraw a release: it can still be read by its number, with a warning. Nothing is deleted.

    \b
    od yank ns/name@1.1.0 --reason "June is there twice"
    od yank ns/name@1.1.0 --undo

    The current release cannot be withdrawn; `od rollback` moves readers away and withdraws it.
    """
    from dataplatform.cli.acting import by_whom, explaining, require_pinned
    from dataplatform.cli.place import find_settings
    from dataplatform.cli.rollback import show_usages
    from dataplatform.releases.usages import find_usages
    from dataplatform.releases.yank import yank as withdraw
    from dataplatform.wiring import from_settings

    dataset, version = require_pinned(reference, "od yank")
    ports = from_settings(find_settings()).ports
    by = by_whom("od yank")
    with explaining(ports.store, dataset):
        changed = withdraw(
            ports, dataset, version, by=by, reason=reason, lift=undo, dry_run=dry_run
        )
    usages = find_usages(ports, dataset, [version])
    done = "offered again" if undo else "withdrawn"

    def show() -> None:
        if not changed:
            out.line(f"✓ {reference} is {done} already", fg="green")
        elif dry_run:
            out.line(f"{reference} would be {done}")
        else:
            out.line(f"✓ {reference} is {done}", fg="green")
        if not undo:
            show_usages(out, usages)

    told = {"id": str(dataset), "release": str(version), "yanked": not undo, "changed": changed}
    told |= {"by": by, "reason": reason, "dry_run": dry_run, **usages.to_json()}
    out.result(told, show, [reference])
