"""A bundle as it is stored: channels locked at versions for a consumer.

What is frozen and signed is a *lock*: `bundles/<type>/<name>-<version>/revisions/<n>.json`, written
once. `latest.json` beside the revisions names the current one and is overwritten by
compare-and-set; `bundles/<type>/<name>-<version>.yaml` is the current one as a document in the
shape of requirements S0-16…S0-40, and can be made again. A bundle has more than one revision only
if it was corrected inside its observation window.

A lock pins each channel's index by digest and each index pins its files by digest, so whoever
names a lock names bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Corrupt, InvalidInput
from opendata.wire.manifest import Freeze, Integrity
from opendata.wire.signed_body import check_body_hash

BUNDLE_FORMAT: Final = "opendata-bundle/1"
BUNDLE_TYPES: Final = ("weekly", "snapshot", "release")
_NAME: Final = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", re.ASCII)
_NUMBER: Final = r"(0|[1-9]\d{0,8})"
_VERSION: Final = re.compile(
    rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(\d{{4}})\.(\d{{1,2}}))?", re.ASCII
)
_FILE: Final = re.compile(rf"(?P<name>.+?)-(?P<version>{_VERSION.pattern})", re.ASCII)
_LEGAL: Final = "a bundle's version is v1.0.0-2025.25 (semver, ISO year and week) or v1.0.0"


@dataclass(frozen=True, order=True)
class BundleVersion:
    """The consumer's semver and the ISO year and week (S0-18); (0, 0) where there is no week."""

    major: int
    minor: int
    patch: int
    year: int = 0
    week: int = 0

    def __str__(self) -> str:
        number = f"v{self.major}.{self.minor}.{self.patch}"
        return f"{number}-{self.year}.{self.week:02d}" if self.year else number


@dataclass(frozen=True, order=True)
class BundleRef:
    """Which bundle: `<type>/<name>-<version>`, as its files, keys and partitions are called."""

    type: str
    name: str
    version: BundleVersion

    def __str__(self) -> str:
        return f"{self.type}/{self.stem}"

    @property
    def stem(self) -> str:
        """`<name>-<version>`: the file's name without its ending, and the branch below `data/`."""
        return f"{self.name}-{self.version}"


def is_bundle_name(text: str) -> bool:
    """Whether `text` may name a bundle."""
    return len(text) <= 64 and _NAME.fullmatch(text) is not None


def parse_bundle_version(text: str) -> BundleVersion:
    """Read `v1.0.0-2025.25`, `v1.0.0`, with or without the `v`.

    Raises:
        InvalidInput: if it is anything else, or a week that no year has.
    """
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidInput(f"{text!r} is no version of a bundle: {_LEGAL}", code="invalid_version")
    major, minor, patch, year, week = match.groups()
    if year is not None and not (1 <= int(week) <= 53 and int(year) > 0):
        raise InvalidInput(f"{text!r} names no week of a year: {_LEGAL}", code="invalid_version")
    return BundleVersion(int(major), int(minor), int(patch), int(year or 0), int(week or 0))


def parse_bundle_ref(text: str) -> BundleRef:
    """Read `<type>/<name>-<version>`, also as a path `bundles/<type>/<name>-<version>.yaml`.

    Raises:
        InvalidInput: if it names no bundle.
    """
    parts = text.removeprefix("bundles/").removesuffix(".yaml").removesuffix(".yml").split("/")
    match = _FILE.fullmatch(parts[-1]) if len(parts) == 2 else None
    if match is None or parts[0] not in BUNDLE_TYPES or not is_bundle_name(match["name"]):
        raise InvalidInput(
            f"{text!r} names no bundle: write <type>/<name>-<version> with a type of "
            f"{', '.join(BUNDLE_TYPES)}, such as weekly/foundational_model-v1.0.0-2025.25",
            code="invalid_bundle",
        )
    return BundleRef(parts[0], match["name"], parse_bundle_version(match["version"]))


class SpecSource(Wire):
    """Where the bundle was asked for (S0-20…S0-22), and the digest of the file's bytes.

    `commit` is None for a file that is in no commit.
    """

    repo: str
    commit: str | None
    file: str
    sha256: str


class DataRange(Wire):
    """Both ends belong to it; None where it is open."""

    start_time: str | None = None
    end_time: str | None = None


class LockedChannel(Wire):
    """One channel of a bundle, at the version that its constraint resolved to (S0-26…S0-34).

    `requested` is the constraint as it was written, `requested_as` the alias, if it was one.
    `index` is the key of the Parquet object and `checksum` its digest (`sha256:…`); `index_file` is
    where the channel's current index lies. `file_count` and `total_bytes` count what lies in the
    range; files without a time do where the range is open on both sides. `release` is the reference
    of the data set's release, where the channel is one.
    """

    channel: str
    version: str
    requested: str
    required: bool
    data_range: DataRange
    storage_path: str
    index_file: str
    index: str
    index_bytes: int
    checksum: str
    file_count: int
    total_bytes: int
    requested_as: str | None = None
    release: str | None = None


class LeftOut(Wire):
    """A channel that was asked for and could be left out (`on_missing: ignore`), and why it was."""

    channel: str
    requested: str
    reason: str


class BundleLock(Wire):
    """One revision of a bundle; what is hashed and signed is all but `integrity` and `freeze`.

    `name`, `version`, `type` are S0-17…S0-19. `integrity.content_hash` is over the locked channels
    alone, so that two revisions with the same content are known as such. `spec_version` and
    `index_version` are those of the two repositories where they declare some (S0-53).
    """

    type: str
    name: str
    version: str
    revision: int
    spec: SpecSource
    created_at: str
    channels: tuple[LockedChannel, ...]
    left_out: tuple[LeftOut, ...]
    total_files: int
    total_bytes: int
    integrity: Integrity
    freeze: Freeze
    spec_version: str | None = None
    index_version: str | None = None
    previous: str | None = None
    format: str = BUNDLE_FORMAT

    @property
    def ref(self) -> BundleRef:
        """Which bundle this is."""
        return BundleRef(self.type, self.name, parse_bundle_version(self.version))

    def channel(self, name: str) -> LockedChannel | None:
        """The channel of that name, or that was asked for under it as an alias."""
        named = (one for one in self.channels if name in (one.channel, one.requested_as))
        return next(named, None)


class BundlePointer(Wire):
    """The current revision: the content of `latest.json`. No two states have equal bytes.

    `spec_commit` is the newest commit of the spec that is known to ask for what this revision says.
    It runs ahead of the lock's own where later commits changed nothing.
    """

    revision: int
    lock_sha256: str
    commit_id: str
    updated_at: str
    spec_commit: str | None = None


class BundleEntry(Wire):
    """What the catalogue of bundles says of one; the highest revision wins when two are merged."""

    type: str
    name: str
    version: str
    revision: int
    lock_sha256: str
    created_at: str
    total_files: int
    total_bytes: int
    channels: tuple[str, ...]


class BundleCatalogue(Wire):
    """`bundles/index.json`: every published bundle; derived from the pointers, repairable."""

    generated_at: str
    bundles: tuple[BundleEntry, ...] = ()


for _kind in (BundleLock, BundlePointer, BundleCatalogue):
    decoder_of(_kind)


def read_lock(data: bytes, what: str) -> BundleLock:
    """Read a stored revision and check that its body is the one that was hashed.

    Raises:
        Corrupt: if it is malformed, of an unknown format, or altered.
    """
    lock = read_wire(BundleLock, data, what)
    if lock.format != BUNDLE_FORMAT:
        raise Corrupt(
            f"{what} has the format {lock.format!r}; this version reads {BUNDLE_FORMAT}",
            code="unknown_format",
            hint="a newer version of opendata may be needed",
            details={"object": what},
        )
    check_body_hash(data, lock.integrity.hash_sha256, what)
    return lock


def locked_content(channels: tuple[LockedChannel, ...]) -> list[dict[str, Any]]:
    """What `integrity.content_hash` is the digest of: what a reader gets, and nothing else."""
    return [
        {
            "channel": one.channel,
            "version": one.version,
            "data_range": one.data_range.to_json(),
            "checksum": one.checksum,
        }
        for one in channels
    ]
