"""Immutable objects: bytes stored once under their own digest."""

from __future__ import annotations

from opendata.stores.port import AlreadyExists, ObjectReader, ObjectStore, Payload
from opendata.wire import keys
from opendata.wire.digest import check_digest, digest_of


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
    or by an earlier attempt whose answer was lost. An object that was cut short is written anew.
    """
    try:
        store.put_new(key, data, content_type=content_type)
    except AlreadyExists:
        stat = store.stat(key)
        if stat is not None and stat.size != size_bytes:
            store.put(key, data, content_type=content_type)
    return key


def read_object(reader: ObjectReader, key: str) -> bytes:
    """A small object by its key, checked against the digest that the key names.

    Raises:
        NotFound, Corrupt: naming the key, if it is lost or damaged.
    """
    return check_digest(reader.get(key).data, keys.digest_of_object_key(key), key)
