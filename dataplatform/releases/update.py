"""Update: read, change and swap one small mutable object, as often as others are in the way.

For what many writers join into (`index.json`, `health.json`); a change function must be a join, so
that doing it again after losing a race loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from dataplatform.releases.objects import JSON
from opendata.stores.port import AlreadyExists, ObjectStore, PreconditionFailed
from opendata.wire.errors import Conflict, NotFound
from opendata.wire.limits import CATALOGUE_MAX_BYTES

UPDATE_TRIES = 64


def update_object(store: ObjectStore, key: str, change: Callable[[bytes | None], bytes]) -> bytes:
    """Replace an object by what `change` makes of its current bytes (None where absent).

    Raises:
        Conflict: if others kept winning; nothing is lost, since a change is a join.
    """
    for _ in range(UPDATE_TRIES):
        try:
            blob = store.get(key, max_bytes=CATALOGUE_MAX_BYTES)
        except NotFound:
            blob = None
        data = change(blob.data if blob else None)
        if blob is not None and blob.data == data:
            return data
        try:
            if blob is None:
                store.put_new(key, data, content_type=JSON)
            else:
                store.put_if_match(key, data, blob.token, content_type=JSON)
        except (AlreadyExists, PreconditionFailed):
            continue
        return data
    raise Conflict(
        f"{key} changed {UPDATE_TRIES} times while it was being updated",
        hint="run the same command again; nothing of what others wrote was lost",
    )
