"""`od rollback`: make an earlier release the current one again. Nothing is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from dataplatform.releases.rollback import Moved
    from dataplatform.releases.usages import Usages


@click.command()
@dataset_argument
@click.argument("release", required=False, metavar="[VERSION]")
@click.option("--to", "version", metavar="VERSION", help="The release to go back to.")
@click.option("--reason", help="Why; readers who pinned what is withdrawn are told.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@with_output
def rollback(
    out: Output,
    dataset: str,
    release: str | None,
    version: str | None,
    reason: str | None,
    dry_run: bool,
) -> None:
    """Point readers at an earlier release. It is a step of its own in the history, and says who.

    Releases that were published after it are withdrawn (yanked): they can still be read by their
    number, with a warning. Who is known to have read them is listed.

    \b
    od rollback ns/name --to 1.0.0 --reason "June is there twice"
    od rollback ns/name 1.0.0          the same; so is ns/name@1.0.0
    """
    from dataplatform.cli.acting import by_whom, explaining
    from dataplatform.cli.place import find_settings
    from dataplatform.releases.rollback import look_ahead, roll_back
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id
    from opendata.wire.version import parse_version

    name, _, pinned = dataset.partition("@")
    identity, target = (
        parse_dataset_id(name),
        parse_version(_one_of(name, version, release, pinned)),
    )
    ports = from_settings(find_settings()).ports
    act = look_ahead if dry_run else roll_back
    with explaining(ports.store, identity):
        moved = act(ports, identity, target, by=by_whom("od rollback"), reason=reason)
    out.result(
        {**moved.to_json(), "dry_run": dry_run},
        lambda: _show(out, moved, dry_run),
        [f"{identity}@{moved.release}"],
    )


def _show(out: Output, moved: Moved, dry_run: bool) -> None:
    if not moved.moved:
        out.line(f"✓ {moved.id} is at {moved.release} already", fg="green")
    elif dry_run:
        out.line(f"{moved.id} would go from {moved.before} to {moved.release}")
    else:
        out.line(f"✓ {moved.id} is at {moved.release} again (was {moved.before})", fg="green")
    if moved.yanked:
        out.line(f"{'would be withdrawn' if dry_run else 'withdrawn'}: {', '.join(moved.yanked)}")
        show_usages(out, moved.usages)
    if moved.behind:
        out.warn("its copies do not show that yet", moved.behind)
    if moved.moved and not dry_run:
        out.note("the next publish goes on from here; readers who pinned a release are warned")


def show_usages(out: Output, usages: Usages) -> None:
    """Who is known to have read what is withdrawn, and where nobody could look."""
    for one in usages.found:
        out.line(f"    {one.release} was used by the {one.kind} {one.name}")
    if not usages.found:
        out.line("    no published data set was made of it")
    if usages.unread:
        out.warn(f"could not look into {', '.join(usages.unread)}", "od repair --dry-run says why")


def _one_of(dataset: str, *given: str | None) -> str:
    """The one version that was named, in whichever way.

    Raises:
        InvalidInput: if there is none, or more than one.
    """
    named = {version for version in given if version}
    if len(named) != 1:
        what = f"more than one: {', '.join(sorted(named))}" if named else "none is named"
        raise InvalidInput(
            f"to which release? {what}",
            code="usage",
            hint=f"od rollback {dataset} --to VERSION; od releases {dataset} lists them",
        )
    return named.pop()
