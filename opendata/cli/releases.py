"""`od releases`: every release of a data set, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.wire.words import human_bytes

if TYPE_CHECKING:
    from opendata.reading.listing import ReleaseInfo


@click.command()
@dataset_argument
@with_output
def releases(out: Output, dataset: str) -> None:
    """List releases with their state: current, published, frozen (never published) or yanked."""
    from opendata._dataset import Dataset

    found = Dataset(dataset).releases

    def show() -> None:
        out.table(
            ["release", "state", "freeze", "published", "rows", "size", "changes", "breaking",
             "signed"],
            [_row(release) for release in found],
        )  # fmt: skip
        for release in found:
            if release.yanked:
                out.note(f"{release.release} was withdrawn {_withdrawal(release.yanked)}")

    out.result(
        [release.to_json() for release in found], show, (release.release for release in found)
    )


def _withdrawal(yanked: dict[str, Any]) -> str:
    """When, by whom, why and to where."""
    told = f"{yanked['at'][:19]} by {yanked['by']}"
    if yanked["reason"]:
        told += f": {yanked['reason']}"
    return f"{told}; readers were sent to {yanked['moved_to']}" if yanked["moved_to"] else told


def _row(release: ReleaseInfo) -> list[object]:
    is_soft = release.freeze == "soft"
    return [
        release.release,
        release.state,
        f"soft until {(release.observation_until or '')[:10]}" if is_soft else "hard",
        (release.published_at or "")[:19],
        release.row_count,
        human_bytes(release.size_bytes),
        row_changes(release.changes),
        "yes" if release.breaking else "",
        (release.signed_by or "")[:8],
    ]


def row_changes(changes: dict[str, object]) -> str:
    """`+3 -1 ~2`: rows added, removed, changed."""
    signs = (("+", "added"), ("-", "removed"), ("~", "changed"))
    told = [f"{sign}{changes[name]:,}" for sign, name in signs if changes.get(name)]
    return " ".join(told)
