"""`od changelog`: what each release changed, read from the frozen manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import dataset_argument
from opendata.wire.changes import bullet, changed_words, release_changes

if TYPE_CHECKING:
    from opendata.reading.listing import ReleaseInfo
    from opendata.wire.manifest import Manifest


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
    about = changed_words(previous, manifest) if previous else []
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
        "about": about,
        "told": [*release_changes(manifest, about), *map(_returned, release.rolled_back_at)],
        **manifest.changelog.to_json(),
    }


def _returned(moment: str) -> str:
    return f"made the current release again by a rollback, {moment[:10]}"


def _show(out: Output, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        day = str(entry["published_at"] or entry["frozen_at"])[:10]
        state = "" if entry["state"] in ("published", "current") else f" ({entry['state']})"
        out.line(f"## {entry['release']} – {day}{state}", bold=True)
        for told in entry["told"]:
            out.line(bullet(told))
        out.line()
