"""`od changelog`: what each release changed, read from the frozen manifests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.cli.releases import row_changes
from opendata.wire.words import counted

if TYPE_CHECKING:
    from opendata.reading.listing import ReleaseInfo
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
    """Tell the history of a data set, newest release first, as Markdown; of one release with @."""
    from opendata._dataset import Dataset

    handle = Dataset(dataset)
    name, pinned = str(handle.reference.id), handle.reference.version
    if pinned is not None:
        _ = handle.release  # an unknown one is an error that names `od releases`
    found = [one for one in handle.releases if pinned is None or one.release == str(pinned)]
    entries = []
    for release in found:
        manifest = Dataset(f"{name}@{release.release}").release.manifest
        before = manifest.versioning.prev_release
        previous = Dataset(f"{name}@{before}").release.manifest if before else None
        entries.append(_entry(manifest, previous, release))
    out.result(entries, lambda: _show(out, entries), (entry["release"] for entry in entries))


def _entry(manifest: Manifest, previous: Manifest | None, release: ReleaseInfo) -> dict[str, Any]:
    return {
        "release": manifest.release,
        "schema_version": manifest.versioning.schema_version,
        "prev_release": manifest.versioning.prev_release,
        "state": release.state,
        "published_at": release.published_at,
        "rolled_back_at": list(release.rolled_back_at),
        "frozen_at": manifest.freeze.frozen_at,
        "notes": manifest.versioning.notes,
        "row_count": manifest.row_count,
        "about": changed_words(previous, manifest) if previous else [],
        **manifest.changelog.to_json(),
    }


def changed_words(before: Manifest, after: Manifest) -> list[str]:
    """Which of the fields that tell about a data set read otherwise than in the release before."""
    old = {**before.dataset, **before.definition, "README": before.readme}
    new = {**after.dataset, **after.definition, "README": after.readme}
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


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
    yield from index_changes(entry["diff_I"])
    if entry["prev_release"] is None:
        yield f"first release: {counted(entry['row_count'], 'row')}"
    else:
        yield from _later_changes(entry)
    if entry["notes"]:
        yield str(entry["notes"])
    for moment in entry["rolled_back_at"]:
        yield f"made the current release again by a rollback, {str(moment)[:10]}"


def _later_changes(entry: dict[str, Any]) -> Iterator[str]:
    rows = row_changes(entry["diff_R"])
    yield f"rows: {rows or 'unchanged'}"
    if entry["about"]:
        yield f"changed: {', '.join(entry['about'])}"
    elif not (rows or any(entry["diff_S"].values()) or any(entry["diff_I"].values())) and (
        not entry["breaking"]
    ):
        yield "released by force: nothing changed"


def index_changes(diff: dict[str, Any]) -> Iterator[str]:
    """The changes of secondary indexes, one sentence each; one made anew concerns nobody."""
    for kind, what in (("Index_add", "added"), ("Index_drop", "dropped")):
        for change in diff.get(kind) or ():
            yield f"index by {', '.join(change['keys'])} {what}"


def schema_changes(diff: dict[str, Any]) -> Iterator[str]:
    """The changes of a schema, one sentence each."""
    for kind, sentence in _CHANGES.items():
        for change in diff.get(kind) or ():
            words = {"constraint": "constraint", "old": None, "new": None, **change}
            yield sentence.format_map(words)
