"""Pins: a candidate that is to stay, however old it gets.

A pin is a document of its data set that names the candidate, so retention and collection keep it
for no other reason than that. Releases need none: they are never removed.
"""

from __future__ import annotations

from dataplatform.releases.objects import JSON
from dataplatform.releases.ports import ReleasePorts
from opendata.stores.port import AlreadyExists
from opendata.wire import keys
from opendata.wire.codec import Wire, decoder_of
from opendata.wire.digest import is_digest, prefixed
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.times import format_instant

PIN_FORMAT = "opendata-pin/1"


class Pin(Wire):
    """Which candidate stays (`sha256:…`), since when, and why."""

    candidate: str
    pinned_at: str
    because: str | None = None
    format: str = PIN_FORMAT


decoder_of(Pin)


def find_staged(ports: ReleasePorts, dataset: DatasetId, beginning: str) -> str:
    """The staged candidate (bare digest) whose digest begins so.

    Raises:
        NotFound, InvalidInput: if none or more than one does.
    """
    prefix = keys.staged_prefix(dataset)
    names = {stat.key.removeprefix(prefix).split("/")[0] for stat in ports.store.list(prefix)}
    bare = beginning.removeprefix(prefixed(""))
    found = sorted(name for name in names if bare and name.startswith(bare) and is_digest(name))
    if len(found) == 1:
        return found[0]
    hint = f"od retention {dataset} lists them"
    if not found:
        raise NotFound(
            f"{dataset} has no candidate {beginning}", code="unknown_candidate", hint=hint
        )
    what = f"{beginning} means {len(found)} candidates of {dataset}"
    raise InvalidInput(what, code="ambiguous_candidate", hint=hint)


def pin_candidate(
    ports: ReleasePorts, dataset: DatasetId, candidate: str, because: str | None = None
) -> bool:
    """Keep a staged candidate (bare digest); False if it was pinned already.

    Raises:
        NotFound: if it went while it was pinned.
    """
    pin = Pin(candidate=prefixed(candidate), pinned_at=format_instant(ports.now()), because=because)
    key = keys.pin_key(dataset, candidate)
    try:
        ports.store.put_new(key, pin.to_bytes(), content_type=JSON)
    except AlreadyExists:
        return False
    if ports.store.stat(keys.candidate_key(dataset, candidate)) is None:
        ports.store.delete(key)
        raise NotFound(
            f"candidate {candidate[:12]}… of {dataset} has expired", code="unknown_candidate"
        )
    return True


def unpin_candidate(ports: ReleasePorts, dataset: DatasetId, candidate: str) -> bool:
    """Let a candidate (bare digest) expire like others; False if it was not pinned."""
    key = keys.pin_key(dataset, candidate)
    if ports.store.stat(key) is None:
        return False
    ports.store.delete(key)
    return True
