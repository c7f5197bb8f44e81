"""Lineage: the schema versions that a data set went through, and a release of each (S4-56).

`compatibility.json` lists them, so that finding one takes two requests. It is derived and signed by
nobody: what it says is used to find a manifest, which is then checked as any other, its signature
included where the caller has a trust root. Where it does not help, the releases are walked back,
each naming the one that it followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from opendata.reading.resolve import Release, read_current, read_release
from opendata.reading.signature import verify_release
from opendata.reading.trust import TrustRoot
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.bridges import schema_version
from opendata.wire.compatibility import Matrix, read_matrix
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, Rejected
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version, parse_version

_READER: Final = re.compile(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)


def parse_reader(text: str) -> tuple[int, ...]:
    """The schema version that a reader knows: `1.3` (the newest 1.3.x) or `1.3.0`.

    Raises:
        InvalidInput: if it is written otherwise.
    """
    match = _READER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidInput(
            f"{text!r} is no schema version of a reader",
            code="invalid_version",
            hint='write reader="1.3", or reader="1.3.0" for exactly that one',
        )
    return tuple(int(number) for number in match.groups() if number is not None)


def answers_to(version: Version, wanted: tuple[int, ...]) -> bool:
    """Whether a schema version is the wanted one, or of the wanted line."""
    return (version.major, version.minor, version.patch)[: len(wanted)] == wanted


def reader_release(
    reader: ObjectReader, release: Release, wanted: str, trust: TrustRoot | None = None
) -> Manifest:
    """The newest release whose schema version a reader knows.

    Args:
        release: The release that is going to be read; whoever opened it has verified it.
        wanted: As :func:`parse_reader` takes it.
        trust: Whose signature any other release must have.

    Raises:
        InvalidInput: if `wanted` is no version.
        Rejected: if no release had that schema version, saying which there are.
        Corrupt: if a manifest on the way is damaged.
        Denied: if the signature of the release that was found does not hold.
    """
    numbers = parse_reader(wanted)
    if answers_to(schema_version(release.manifest), numbers):
        return release.manifest
    found = _listed(reader, release.id, numbers) or _walked(reader, release, wanted)
    verify_release(found, trust, reader)
    return found


def _walked(reader: ObjectReader, release: Release, wanted: str) -> Manifest:
    numbers = parse_reader(wanted)
    seen: dict[Version, str] = {}
    for manifest in walk_releases(reader, release):
        version = schema_version(manifest)
        if answers_to(version, numbers):
            return manifest
        seen.setdefault(version, manifest.release)
        if (version.major, version.minor) < numbers[:2]:
            break  # along this line the schema only went up
    raise _unknown_schema(reader, release, wanted, seen)


def walk_releases(reader: ObjectReader, release: Release) -> Iterator[Manifest]:
    """The current release and those that it followed, newest first; without a pointer, the given
    release and those that it followed."""
    try:
        current = read_current(reader, release.id)
    except Corrupt:
        current = None  # a damaged pointer does not hide a release that was read by pin
    manifest = (current or release).manifest
    yield manifest
    while manifest.versioning.prev_release is not None:
        before = parse_version(manifest.versioning.prev_release)
        manifest = read_release(reader, release.id, before).manifest
        yield manifest


def stored_matrix(reader: ObjectReader, dataset: DatasetId) -> Matrix | None:
    """`compatibility.json`, or None where it is missing or damaged: it can be made again."""
    key = keys.compatibility_key(dataset)
    try:
        return read_matrix(reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    except (NotFound, Corrupt):
        return None


def _listed(reader: ObjectReader, dataset: DatasetId, wanted: tuple[int, ...]) -> Manifest | None:
    matrix = stored_matrix(reader, dataset)
    for entry in reversed(matrix.schemas if matrix else ()):
        try:
            if not answers_to(parse_version(entry.schema_version), wanted):
                continue
            release = read_release(reader, dataset, parse_version(entry.data_release))
        except (InvalidInput, NotFound, Corrupt):
            continue  # nobody signed the list: what it names need not be there, or whole
        if answers_to(schema_version(release.manifest), wanted):
            return release.manifest
    return None


def _unknown_schema(
    reader: ObjectReader, release: Release, wanted: str, seen: dict[Version, str]
) -> Rejected:
    matrix = stored_matrix(reader, release.id)
    listed = [parse_version(one.schema_version) for one in matrix.schemas] if matrix else []
    known = sorted({*seen, *listed})
    newest = known[-1]
    numbers = parse_reader(wanted)
    if numbers > (newest.major, newest.minor, newest.patch)[: len(numbers)]:
        what = f"schema {wanted} is newer than {release.id}, whose newest is {newest}"
    else:
        what = f"{release.id} has no schema version {wanted}"
    return Rejected(
        what,
        code="unknown_schema_version",
        hint=f"it has {', '.join(map(str, known))}; od compat {release.id} shows who can read what",
        details={"reader": wanted, "schema_versions": [str(version) for version in known]},
    )
