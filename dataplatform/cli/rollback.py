"""`od rollback`: make an earlier release the current one again. Nothing is deleted."""

from __future__ import annotations

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.wire.errors import InvalidInput


@click.command()
@dataset_argument
@click.argument("release", required=False, metavar="[VERSION]")
@click.option("--to", "version", metavar="VERSION", help="The release to go back to.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@with_output
def rollback(
    out: Output, dataset: str, release: str | None, version: str | None, dry_run: bool
) -> None:
    """Point readers at an earlier release. It is a step of its own in the history, and says who.

    \b
    od rollback ns/name --to 1.0.0
    od rollback ns/name 1.0.0          the same; so is ns/name@1.0.0
    """
    from dataplatform.cli.moving import look_ahead, move
    from dataplatform.cli.place import find_settings
    from dataplatform.wiring import from_settings
    from opendata.wire.ids import parse_dataset_id
    from opendata.wire.version import parse_version

    name, _, pinned = dataset.partition("@")
    identity, target = (
        parse_dataset_id(name),
        parse_version(_one_of(name, version, release, pinned)),
    )
    ports = from_settings(find_settings()).ports
    moved = (look_ahead if dry_run else move)(ports, identity, target)

    def show() -> None:
        if not moved.moved:
            out.line(f"✓ {identity} is at {moved.release} already", fg="green")
        elif dry_run:
            out.line(f"{identity} would go from {moved.before} to {moved.release}")
        else:
            out.line(f"✓ {identity} is at {moved.release} again (was {moved.before})", fg="green")
            out.note(
                "the next publish goes on from here; readers who pinned a release see no change"
            )

    out.result({**moved.to_json(), "dry_run": dry_run}, show, [f"{identity}@{moved.release}"])


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
