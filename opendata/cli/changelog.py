"""`od changelog`: what each release changed, read from the frozen manifests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from opendata.cli.cells import counted
from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.cli.releases import row_changes

if TYPE_CHECKING:
    from opendata.wire.manifest import Manifest

_CHANGES: Final = {
    "Fields_add": "column {field} added",
    "Fields_drop": "column {field} dropped",
    "Type_change": "type of {field}: {old} → {new}",
    "Unit_change": "unit of {field}: {old} → {new}",
    "Constraint_change": "{constraint} of {field}: {old} → {new}",
}


@click.command()
@dataset_argument
@with_output
def changelog(out: Output, dataset: str) -> None:
    """Tell the history of a data set, newest release first, as Markdown."""
    from opendata._dataset import Dataset

    entries = []
    for release in Dataset(dataset).releases:
        manifest = Dataset(f"{dataset.partition('@')[0]}@{release.release}").release.manifest
        entries.append(_entry(manifest, release.state, release.published_at))
    out.result(entries, lambda: _show(out, entries), (entry["release"] for entry in entries))


def _entry(manifest: Manifest, state: str, published_at: str | None) -> dict[str, Any]:
    return {
        "release": manifest.release,
        "schema_version": manifest.versioning.schema_version,
        "prev_release": manifest.versioning.prev_release,
        "state": state,
        "published_at": published_at,
        "frozen_at": manifest.freeze.frozen_at,
        "notes": manifest.versioning.notes,
        "row_count": manifest.row_count,
        **manifest.changelog.to_json(),
    }


def _show(out: Output, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        day = str(entry["published_at"] or entry["frozen_at"])[:10]
        state = "" if entry["state"] in ("published", "current") else f" ({entry['state']})"
        out.line(f"## {entry['release']} – {day}{state}", bold=True)
        for change in _changes(entry):
            out.line(f"- {change}")
        out.line()


def _changes(entry: dict[str, Any]) -> Iterator[str]:
    if entry["breaking"]:
        yield "BREAKING: readers of the release before may have to change"
    yield from schema_changes(entry["diff_S"])
    if entry["prev_release"] is None:
        yield f"first release: {counted(entry['row_count'], 'row')}"
    else:
        yield f"rows: {row_changes(entry['diff_R']) or 'unchanged'}"
    if entry["notes"]:
        yield str(entry["notes"])


def schema_changes(diff: dict[str, Any]) -> Iterator[str]:
    """The changes of a schema, one sentence each."""
    for kind, sentence in _CHANGES.items():
        for change in diff.get(kind) or ():
            words = {"constraint": "constraint", "old": None, "new": None, **change}
            yield sentence.format_map(words)
