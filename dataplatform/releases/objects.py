"""Immutable objects: bytes stored once under their own digest."""

from __future__ import annotations

from opendata.stores.port import AlreadyExists, LocalFile, ObjectStore
from opendata.wire import keys
from opendata.wire.digest import digest_of


def put_object(store: ObjectStore, data: bytes, *, content_type: str | None = None) -> str:
    """Store bytes under their digest and return the key; what is there already stays."""
    return put_object_at(store, keys.object_key(digest_of(data)), data, content_type)


def put_object_at(
    store: ObjectStore, key: str, data: bytes | LocalFile, content_type: str | None = None
) -> str:
    """Store bytes (or a file) whose digest the caller has computed, under its key.

    The key names the content, so finding it taken means that the work is done already.
    """
    try:
        store.put_new(key, data, content_type=content_type)
    except AlreadyExists:
        return key
    return key
