"""`od diff`: how one release differs from another, row by row and column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from opendata.reading.resolve import Release


@click.command()
@click.argument("first", metavar="NS/NAME[@A]", shell_complete=complete_reference)
@click.argument("second", required=False, metavar="[NS/NAME@B|B]",
                shell_complete=complete_reference)  # fmt: skip
@click.argument("third", required=False, metavar="[B]")
@with_output
def diff(out: Output, first: str, second: str | None, third: str | None) -> None:
    """Compare two releases; with one, the release before it is the other.

    \b
    od diff ns/name                    what the current release changed
    od diff ns/name@1.0.0 1.2.0        from 1.0.0 to 1.2.0
    od diff ns/name 1.0.0 1.2.0        the same
    """
    from dataplatform.cli.changes import show_change
    from dataplatform.cli.comparing import compare_releases
    from dataplatform.cli.place import find_settings

    if third is not None:
        first, second = f"{first.partition('@')[0]}@{second}", third
    before, after = _pair(first, second)
    change = compare_releases(find_settings(), before, after)
    names = (str(before.reference), str(after.reference))

    def show() -> None:
        out.line(f"{names[0]} → {names[1]}", bold=True)
        show_change(out, change, after.manifest.row_count)
        step = "breaking" if change.breaking else f"a {change.data_bump} step"
        out.line("no difference" if change.is_empty else step)

    out.result(
        {"before": names[0], "after": names[1], **change.to_json()},
        show,
        [] if change.is_empty else [names[1]],
    )


def _pair(first: str, second: str | None) -> tuple[Release, Release]:
    """The earlier and the later release that the words mean."""
    from opendata._dataset import Dataset

    if second is not None:
        if "/" not in second:
            second = f"{first.partition('@')[0]}@{second}"
        return Dataset(first).release, Dataset(second).release
    after = Dataset(first).release
    previous = after.manifest.versioning.prev_release
    if previous is None:
        raise InvalidInput(
            f"{after.reference} is the first release, there is nothing before it",
            code="no_previous",
            hint=f"od info {after.id}",
        )
    return Dataset(f"{after.id}@{previous}").release, after
