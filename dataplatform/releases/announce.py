"""Announce: what a release means for its readers, as derived objects (S4-50, S4-51, S4-95).

Here belong compatibility.json, CHANGELOG.md and MIGRATION.md: made from the releases since they
were written last, which is usually one, and from all releases where they are lost. The matrix is
written last and holds the digests of the two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from typing import Final

from dataplatform.releases.migration import migration_guide
from dataplatform.releases.objects import JSON, MARKDOWN
from opendata.reading.history import walk_history
from opendata.reading.lineage import stored_matrix
from opendata.reading.matrix import merge_matrix
from opendata.reading.resolve import Release, read_release
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.changes import bullet, changed_words, release_changes
from opendata.wire.codec import replace
from opendata.wire.compatibility import Matrix
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt, InvalidInput, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import Manifest
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version

COMMITS_TOLD: Final = 500
"""How far back a changelog goes that has to be written anew; `od changelog` tells the rest."""
READS_AT_ONCE: Final = 8
_CHAPTER: Final = re.compile(r"^## (?P<release>\S+) – .*$", re.MULTILINE)


def announced_keys(dataset: DatasetId) -> tuple[str, str, str]:
    """The keys of what is written here."""
    return (
        keys.changelog_key(dataset),
        keys.migration_key(dataset),
        keys.compatibility_key(dataset),
    )


def write_announcements(store: ObjectStore, release: Release) -> None:
    """Bring matrix, changelog and migration guide to the state of the current release.

    One release after the other costs six requests, of which three write. What is lost is made
    again from all releases; of those that are damaged themselves nothing is told.
    """
    previous = stored_matrix(store, release.id)
    changelog = _stored_changelog(store, release.id, previous)
    if previous is not None and changelog is not None and _is_done(store, release, previous):
        return
    if changelog is None:
        previous = None
    commits = _commits_since(store, release, previous.generation if previous else 0)
    manifests = _manifests(store, release, commits)
    load = partial(_manifest, store, release)
    try:
        matrix = merge_matrix(release, manifests.values(), previous, load)
    except (Corrupt, NotFound):  # a release that it names is no more: only what can be read counts
        commits = _commits_since(store, release, 0)
        manifests = _manifests(store, release, commits)
        matrix, previous = merge_matrix(release, manifests.values(), None, load), None
    text = _changelog(store, release, commits, manifests, changelog if previous else None)
    _put(store, keys.changelog_key(release.id), text, MARKDOWN)
    guide_sha256 = _write_guide(store, release, matrix, previous)
    digests = {"changelog_sha256": digest_of(text.encode()), "migration_sha256": guide_sha256}
    matrix = replace(matrix, **digests)
    store.put(keys.compatibility_key(release.id), matrix.to_bytes(), content_type=JSON)


def announcement_problems(store: ObjectReader, release: Release) -> dict[str, str | None]:
    """What is wrong with each of the three objects, by key; None where nothing is.

    The matrix is made anew from the manifests that it names, and compared.
    """
    dataset = release.id
    matrix = stored_matrix(store, dataset)
    if matrix is None:
        return {keys.compatibility_key(dataset): "is missing or damaged"}
    return {
        keys.compatibility_key(dataset): _matrix_problem(store, release, matrix),
        keys.changelog_key(dataset): _text_problem(
            store, keys.changelog_key(dataset), matrix.changelog_sha256
        ),
        keys.migration_key(dataset): _text_problem(
            store, keys.migration_key(dataset), matrix.migration_sha256
        ),
    }


def _matrix_problem(store: ObjectReader, release: Release, matrix: Matrix) -> str | None:
    generation = release.pointer.generation if release.pointer else 0
    if matrix.generation != generation:
        return f"shows generation {matrix.generation}, the pointer is at {generation}"
    load = partial(_manifest, store, release)
    try:
        named = [load(entry.data_release) for entry in matrix.schemas]
        made = merge_matrix(release, named, None, load)
    except (InvalidInput, NotFound, Corrupt) as error:
        return f"names a release that cannot be read: {error.message}"
    same = (made.cells, made.schemas) == (matrix.cells, matrix.schemas)
    return None if same else "is not what the releases say"


def _text_problem(store: ObjectReader, key: str, expected: str | None) -> str | None:
    data = _get(store, key)
    if expected is None:
        return None if data is None else "is left over from an earlier release"
    if data is None:
        return "is missing"
    return None if digest_of(data) == expected else "is not what was written"


def _is_done(store: ObjectStore, release: Release, previous: Matrix) -> bool:
    """Whether all three show the current state; asked where somebody derives once more."""
    if release.pointer is None or previous.generation != release.pointer.generation:
        return False
    key = keys.migration_key(release.id)
    return _text_problem(store, key, previous.migration_sha256) is None


def _stored_changelog(
    store: ObjectReader, dataset: DatasetId, previous: Matrix | None
) -> str | None:
    """The changelog as far as it was written, if it is the one that was written."""
    data = _get(store, keys.changelog_key(dataset)) if previous else None
    if data is None or previous is None or digest_of(data) != previous.changelog_sha256:
        return None
    return data.decode("utf-8")


def _commits_since(store: ObjectReader, release: Release, generation: int) -> list[Pointer]:
    """The moves of the pointer after a generation, newest first, as far as they can be read."""
    head = release.pointer
    if head is None:
        return []
    wanted = min(head.generation - generation, COMMITS_TOLD)
    if not wanted:
        return []
    found = []
    try:
        for commit in islice(walk_history(store, release.id, head), max(wanted, 1)):
            found.append(commit)
    except Corrupt:
        return found  # what lies before the gap is told by nobody any more
    return found


def _manifests(
    store: ObjectReader, release: Release, commits: Sequence[Pointer]
) -> dict[str, Manifest]:
    names = dict.fromkeys(commit.release for commit in commits)
    names.pop(release.manifest.release, None)
    read = in_parallel(partial(_readable, store, release), names, READS_AT_ONCE)
    found = {one.release: one for one in read if one is not None}
    return {release.manifest.release: release.manifest, **found}


def _readable(store: ObjectReader, release: Release, version: str) -> Manifest | None:
    try:
        return _manifest(store, release, version)
    except (NotFound, Corrupt):
        return None


def _manifest(store: ObjectReader, release: Release, version: str) -> Manifest:
    if version == release.manifest.release:
        return release.manifest
    return read_release(store, release.id, parse_version(version)).manifest


def _changelog(
    store: ObjectReader,
    release: Release,
    commits: Sequence[Pointer],
    manifests: dict[str, Manifest],
    stored: str | None,
) -> str:
    """The changelog with the releases that came since; each has one chapter."""
    chapters = dict(_chapters(stored or ""))
    for commit in reversed(commits):
        manifest = manifests.get(commit.release)
        if commit.kind == "rollback":
            if commit.release in chapters:
                chapters[commit.release] += f"{bullet(_returned(commit))}\n"
        elif manifest is not None and commit.release not in chapters:
            before = manifest.versioning.prev_release
            known = before and (manifests.get(before) or _readable(store, release, before))
            about = changed_words(known, manifest) if known else []
            told = "".join(f"{bullet(one)}\n" for one in release_changes(manifest, about))
            head = f"## {commit.release} – {commit.updated_at[:10]}\n\n"
            chapters = {commit.release: head + told, **chapters}
    opening = (
        f"# Changelog of {release.id}\n\nWhat each release changed, newest first. "
        f"The current release is {release.version}.\n"
    )
    return "\n".join([opening, *chapters.values()])


def _chapters(text: str) -> Iterator[tuple[str, str]]:
    starts = list(_CHAPTER.finditer(text))
    for match, after in zip_longest(starts, starts[1:]):
        end = after.start() if after else len(text)
        yield match["release"], text[match.start() : end].rstrip("\n") + "\n"


def _returned(commit: Pointer) -> str:
    return f"made the current release again by a rollback, {commit.updated_at[:10]}"


def _write_guide(
    store: ObjectStore, release: Release, matrix: Matrix, previous: Matrix | None
) -> str | None:
    """Write the migration guide where a schema says something new; returns its digest."""
    key = keys.migration_key(release.id)
    if previous is not None and _same_schemas(previous, matrix):
        expected = previous.migration_sha256
        if _text_problem(store, key, expected) is None:
            return expected
    readers = (_readable(store, release, entry.data_release) for entry in matrix.schemas)
    guide = migration_guide(release.manifest, [one for one in readers if one is not None])
    if guide is None:
        store.delete(key)
        return None
    _put(store, key, guide, MARKDOWN)
    return digest_of(guide.encode())


def _same_schemas(previous: Matrix, matrix: Matrix) -> bool:
    facts = [[entry.facts for entry in one.schemas] for one in (previous, matrix)]
    return facts[0] == facts[1] and previous.schema_version == matrix.schema_version


def _put(store: ObjectStore, key: str, text: str, kind: str) -> None:
    store.put(key, text.encode(), content_type=kind)


def _get(store: ObjectReader, key: str) -> bytes | None:
    try:
        return store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound:
        return None
