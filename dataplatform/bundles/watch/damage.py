"""Damage: which files were found to have other bytes than their index says, until they verify.

Here belongs what is remembered of it, one document for each version of a channel. Finding it is
`hashing`'s and `scrub`'s; mending it `repair`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from opendata.stores.port import AlreadyExists, ObjectReader, ObjectStore, PreconditionFailed
from opendata.wire import keys
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Conflict, Corrupt, NotFound
from opendata.wire.limits import CATALOGUE_MAX_BYTES

DamageKind = Literal["altered", "gone", "unreadable"]
_TRIES: Final = 64
_JSON: Final = "application/json"


class DamagedFile(Wire):
    """One file that is not what an index says: `expected` is the index's checksum, `found` that of
    its bytes, if there were any. Indexes can differ in what they expect of a path."""

    path: str
    expected: str
    kind: DamageKind
    found_at: str
    found: str | None = None
    reason: str | None = None


class ChannelDamage(Wire):
    """All known damage of one version of a channel, in order of paths.

    `verified` are files that were touched since they were indexed and found to have the same bytes
    all the same: at which version of `StoredFile` that was.
    """

    channel: str
    version: str
    files: tuple[DamagedFile, ...] = ()
    verified: dict[str, str] = {}


for _kind in (DamagedFile, ChannelDamage):
    decoder_of(_kind)


def damage_key(channel: str, version: str) -> str:
    """Where it is remembered."""
    return keys.watch_state_key(f"damage/{channel}/v{version}")


def read_damage(reader: ObjectReader, channel: str, version: str) -> Mapping[str, DamagedFile]:
    """The known damage by path and expected checksum, as `path checksum`.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    return _by_identity(_read(reader, damage_key(channel, version)))


def read_verified(reader: ObjectReader, channel: str, version: str) -> Mapping[str, str]:
    """The files that were touched and verified: the version by path.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    return _read(reader, damage_key(channel, version)).verified


def identity(path: str, expected: str) -> str:
    """What one entry is known by."""
    return f"{path} {expected}"


def note_damage(
    store: ObjectStore,
    channel: str,
    version: str,
    *,
    found: Iterable[DamagedFile] = (),
    sound: Iterable[str] = (),
    verified: Mapping[str, str] | None = None,
) -> Mapping[str, DamagedFile]:
    """Remember what was found, and forget what verified: `sound` are identities.

    What is there already keeps the time at which it was found first. `verified` are versions of
    touched files that are sound.

    Raises:
        Conflict: if others kept changing it.
        Denied, Unavailable: as the store answers.
    """
    key = damage_key(channel, version)
    found, sound = list(found), frozenset(sound)
    for _ in range(_TRIES):
        try:
            blob = store.get(key, max_bytes=CATALOGUE_MAX_BYTES)
        except NotFound:
            blob = None
        before = _decoded(blob.data, key) if blob else None
        known = _by_identity(before)
        after = _after(known, found, sound)
        touched = {**(before.verified if before else {}), **(verified or {})}
        if after == known and touched == (before.verified if before else {}):
            return after
        document = ChannelDamage(
            channel=channel,
            version=version,
            files=tuple(after[name] for name in sorted(after)),
            verified=touched,
        )
        data = document.to_bytes()
        try:
            if blob is None:
                store.put_new(key, data, content_type=_JSON)
            else:
                store.put_if_match(key, data, blob.token, content_type=_JSON)
        except (AlreadyExists, PreconditionFailed):
            continue
        return after
    raise Conflict(f"{key} changed {_TRIES} times while it was being updated")


def _after(
    known: Mapping[str, DamagedFile], found: Iterable[DamagedFile], sound: frozenset[str]
) -> dict[str, DamagedFile]:
    after = {name: one for name, one in known.items() if name not in sound}
    for one in found:
        name = identity(one.path, one.expected)
        before = known.get(name)
        same = before is not None and (before.kind, before.found) == (one.kind, one.found)
        after[name] = before if before is not None and same else one
    return after


def _read(reader: ObjectReader, key: str) -> ChannelDamage:
    try:
        return _decoded(reader.get(key, max_bytes=CATALOGUE_MAX_BYTES).data, key)
    except NotFound:
        return ChannelDamage(channel="", version="")


def _decoded(data: bytes, key: str) -> ChannelDamage:
    try:
        return read_wire(ChannelDamage, data, key)
    except Corrupt:
        # The scrub comes by again and finds what it named.
        return ChannelDamage(channel="", version="")


def _by_identity(document: ChannelDamage | None) -> Mapping[str, DamagedFile]:
    files = document.files if document is not None else ()
    return {identity(one.path, one.expected): one for one in files}
