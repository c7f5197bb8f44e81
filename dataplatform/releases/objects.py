"""Immutable objects: bytes stored once under their own digest; and the types of all contents."""

from __future__ import annotations

import hashlib
from typing import Final

from opendata.stores.ages import is_due_for_refresh
from opendata.stores.port import AlreadyExists, ObjectReader, ObjectStore, Payload
from opendata.wire import keys
from opendata.wire.digest import check_digest, digest_of
from opendata.wire.errors import Denied
from opendata.wire.limits import DOCUMENT_MAX_BYTES

JSON: Final = "application/json"
MARKDOWN: Final = "text/markdown; charset=utf-8"
LARGE_BYTES: Final = 64 << 20
PARQUET: Final = "application/vnd.apache.parquet"


def put_object(store: ObjectStore, data: bytes, *, content_type: str | None = None) -> str:
    """Store bytes under their digest and return the key; what is there already stays."""
    key = keys.object_key(digest_of(data))
    return put_object_at(store, key, data, len(data), content_type)


def put_object_at(
    store: ObjectStore,
    key: str,
    data: Payload,
    size_bytes: int,
    content_type: str | None = None,
) -> str:
    """Store bytes (or a file) whose digest the caller has computed, under its key.

    The key names the content, so finding it taken means that the work is done already: by others,
    or by an earlier attempt whose answer was lost. What lies there is hashed; if it was cut short
    or damaged, it is written anew, and every release that names it is whole again. It is written
    anew as well where it has lain for long: a collection may be about to remove it, and never
    removes what is fresh.
    """
    if size_bytes < LARGE_BYTES:
        try:
            store.put_new(key, data, content_type=content_type)
            return key
        except AlreadyExists:
            pass
    # A large one goes in parts, which no create-only request can do; two bring the same bytes.
    expected = digest_of(data) if isinstance(data, bytes) else keys.digest_of_object_key(key)
    stat = store.stat(key)
    is_fresh = stat is not None and not is_due_for_refresh(stat)
    if is_fresh and is_intact(store, key, expected, size_bytes):
        return key
    try:
        store.put(key, data, content_type=content_type)
    except Denied:
        # A bucket's lock lets nobody replace it, nor remove it: then it stays as it is.
        if not is_intact(store, key, expected, size_bytes):
            raise
    return key


def is_intact(
    reader: ObjectReader, key: str, expected: str | None = None, size_bytes: int | None = None
) -> bool:
    """Whether the stored bytes are those that they should be; all of them are read.

    Args:
        expected: Their digest, where the key does not name it.
        size_bytes: Their size, where it is known; another one is seen without reading.
    """
    expected = expected or keys.digest_of_object_key(key)
    stat = reader.stat(key)
    if stat is None or size_bytes not in (None, stat.size):
        return False
    sha = hashlib.sha256()
    for piece in reader.stream(key):
        sha.update(piece)
    return sha.hexdigest() == expected


def read_object(reader: ObjectReader, key: str) -> bytes:
    """A small object by its key, checked against the digest that the key names.

    Raises:
        NotFound, Corrupt: naming the key, if it is lost or damaged.
    """
    return check_digest(
        reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, keys.digest_of_object_key(key), key
    )
