"""How requests for bundles ended: what the run of a commit and path came to, the last of each path.

A lock does not tell this alone: a commit that changed nothing of a bundle's content makes no new
one, and one that failed makes none at all. Here belongs that one small document, which every way of
indexing writes and watching reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from dataplatform.releases.update import update_object
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.times import format_instant

OUTCOMES_KEY: Final = keys.watch_state_key("requests")
MESSAGE_MAX_CHARS: Final = 1_000
PUBLISHED: Final = "published"
"""In the details of an error after which readers have the new lock all the same."""
Ended = Literal["indexed", "unchanged", "failed"]


class RequestOutcome(Wire):
    """How the run of one commit of a path ended, and why, where it failed. With `is_published` that
    was so late that readers have what it asked for, and somebody else has not been told."""

    ADDED_LATER = ("is_published",)

    path: str
    commit: str
    outcome: Ended
    at: str
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    is_published: bool = False


class RequestOutcomes(Wire):
    """The last outcome of each path."""

    paths: dict[str, RequestOutcome] = {}


for _kind in (RequestOutcome, RequestOutcomes):
    decoder_of(_kind)


def record_outcome(
    store: ObjectStore,
    path: str,
    commit: str,
    now: datetime,
    *,
    changed: bool = False,
    error: BaseException | None = None,
) -> None:
    """Record how a run ended: with `error`, or with a lock that is new (`changed`) or not.

    Raises:
        Conflict: if others kept recording.
        Denied, Unavailable: as the store answers.
    """
    ended: Ended = "failed" if error is not None else "indexed" if changed else "unchanged"
    known = error if isinstance(error, OpenDataError) else None
    message = (str(error) or type(error).__name__)[:MESSAGE_MAX_CHARS] if error else None
    outcome = RequestOutcome(
        path=path,
        commit=commit,
        outcome=ended,
        at=format_instant(now),
        code=known.code if known else None,
        message=message,
        hint=known.hint if known else None,
        is_published=bool(known and known.details.get(PUBLISHED)),
    )

    def join(data: bytes | None) -> bytes:
        paths = dict(_read(data).paths) if data else {}
        return _document({**paths, path: outcome})

    update_object(store, OUTCOMES_KEY, join)


def note_shown(store: ObjectStore, path: str, now: datetime) -> None:
    """Whoever was not told of a published lock has been now: that request has ended well.

    Raises:
        Conflict: if others kept recording.
        Denied, Unavailable: as the store answers.
    """
    known = read_outcomes(store).get(path)
    if known is None or not known.is_published:
        return

    def settled(data: bytes | None) -> bytes:
        paths = dict(_read(data).paths) if data else {}
        if paths.get(path) == known:
            paths[path] = RequestOutcome(
                path=path, commit=known.commit, outcome="indexed", at=format_instant(now)
            )
        return _document(paths)

    update_object(store, OUTCOMES_KEY, settled)


def _document(paths: Mapping[str, RequestOutcome]) -> bytes:
    return canonical_json({"paths": {path: one.to_json() for path, one in paths.items()}})


def read_outcomes(reader: ObjectReader) -> Mapping[str, RequestOutcome]:
    """The last outcome of each path; none where nothing was recorded, or the record was damaged.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    try:
        return _read(reader.get(OUTCOMES_KEY, max_bytes=CATALOGUE_MAX_BYTES).data).paths
    except NotFound:
        return {}


def _read(data: bytes) -> RequestOutcomes:
    try:
        return read_wire(RequestOutcomes, data, OUTCOMES_KEY)
    except Corrupt:
        return RequestOutcomes()  # a damaged record must not stop the next run from being recorded
