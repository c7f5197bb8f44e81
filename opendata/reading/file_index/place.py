"""Where an index's bytes are: a local file that has the digest which the lock names, mapped.

An index is had whole before it is asked: from the store's own folder, where it is hashed unless
that was done before and nothing touched the file since, or from the cache, where it is hashed on
its way in. So every row that anybody sees was vouched for by the bundle's lock.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pyarrow as pa

from opendata.reading.cache import Cache
from opendata.reading.shard import digest_of_file, removed_while_read
from opendata.stores.port import ObjectReader
from opendata.wire.digest import digest_mismatch
from opendata.wire.errors import Corrupt

_NOWHERE = Cache(None)
"""Remembers for the process which files of a local store were hashed, where nothing else does."""

Look = tuple[int, int, int]


@dataclass(frozen=True)
class Mapped:
    """A verified file's bytes, and how the file looked when they were verified."""

    path: str
    buffer: pa.Buffer
    look: Look

    @property
    def data(self) -> memoryview:
        """The bytes, without a copy."""
        return memoryview(self.buffer)

    def is_untouched(self) -> bool:
        """Whether the file is still there as it was; one that is gone cannot be changed."""
        try:
            return _look(os.stat(self.path)) == self.look
        except OSError:
            return True


def map_index(
    reader: ObjectReader, cache: Cache | None, key: str, sha256: str, size_bytes: int
) -> Mapped:
    """The bytes of an index, every one of them hashed now or before.

    Raises:
        Corrupt: naming the key, if they are not those of the digest, or as many as they should be.
        NotFound, Denied, Unavailable: as the store answers.
    """
    cache = cache or _NOWHERE
    local = reader.local_path(key)
    for _ in range(2):  # a cache may be emptied at any moment
        path = local or cache.fetch(reader, key, sha256, size_bytes)
        try:
            with open(path, "rb") as file:
                return _mapped(cache, path, file.fileno(), key, sha256, size_bytes)
        except FileNotFoundError:
            continue
    raise removed_while_read(key)


def _mapped(cache: Cache, path: str, file: int, key: str, sha256: str, size_bytes: int) -> Mapped:
    found = os.fstat(file)
    if found.st_size != size_bytes or not size_bytes:
        raise Corrupt(
            f"{key} is corrupt: it has {found.st_size} bytes, expected {size_bytes}",
            code="size_mismatch",
            hint="od bundle verify names every damaged object of a bundle",
            details={"object": key, "expected_bytes": size_bytes},
        )
    if cache.verified(path) != sha256:
        actual = digest_of_file(file)
        if actual != sha256:
            raise digest_mismatch(key, sha256, actual)
        cache.record_verified(path, sha256)
    # Mapped by Arrow itself: its threads then hold nothing that is Python's.
    with pa.memory_map(path) as mapped:
        buffer = mapped.read_buffer()
    if _look(os.stat(path)) != _look(found) or buffer.size != size_bytes:
        raise FileNotFoundError(path)  # another file is there by now
    return Mapped(path, buffer, _look(found))


def _look(found: os.stat_result) -> Look:
    return found.st_size, found.st_mtime_ns, found.st_ino
