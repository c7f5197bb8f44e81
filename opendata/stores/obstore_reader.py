"""The reading half of the port over obstore, for every technology that this library speaks.

Here belongs what S3, HTTP and memory have in common. What a technology needs to be opened
(credentials, time-outs, addresses) is in its own module; writing is in `obstore_store`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore import exceptions as foreign

from opendata.stores.naming import check_key
from opendata.stores.obstore_errors import (
    FOREIGN_ERRORS,
    Place,
    explain,
    is_beyond_end,
    is_busy,
)
from opendata.stores.port import Blob, ObjectStat
from opendata.stores.ranges import (
    Pieces,
    Range,
    Span,
    check_ranges,
    check_within,
    cut_ranges,
    merge_ranges,
)
from opendata.wire.errors import Corrupt, Denied, NotFound, OpenDataError, Unavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Client

# R2 takes one write a second per key; a refused one (429) had no effect and may be sent again.
BUSY_PAUSES_SECONDS = (1.0, 1.5, 2.5, 4.0)
STREAMED_BYTES = 1 << 20

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Clients:
    """The library's client for each kind of request.

    `exact` never repeats a request by itself, so that a compare-and-set is sent once and its
    answer is its own. `bulk` makes a client with the patience for so many bytes.
    """

    usual: Client
    exact: Client
    bulk: Callable[[int], Client]


class ObstoreReader:
    """Objects that can be read."""

    def __init__(
        self,
        clients: Clients,
        place: Place,
        *,
        busy_pauses_seconds: Sequence[float] = BUSY_PAUSES_SECONDS,
    ) -> None:
        self._clients = clients
        self._place = place
        self._busy_pauses_seconds = busy_pauses_seconds
        self._bucket_seen = place.bucket is None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """The address as typed; never with credentials."""
        return self._place.url

    def get(self, key: str) -> Blob:
        """The whole object with its version."""
        check_key(key)

        def request() -> Blob:
            result = self._clients.usual.get(key)
            return Blob(bytes(result.bytes()), _token(result.meta))

        return self._ask(request, f"read {key}")

    def get_ranges(self, key: str, ranges: Sequence[Range]) -> Pieces:
        """Bytes of several ranges, near ones by one request, the requests in parallel."""
        check_key(key)
        check_ranges(ranges)
        spans = merge_ranges(ranges)
        if not spans:
            return cut_ranges(ranges, [], [])
        fetched = self._ask(lambda: self._fetch(key, spans), f"read {key}")
        if fetched is None or _any_short(fetched, spans):
            raise self._too_short(key, ranges)
        return cut_ranges(ranges, spans, fetched)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """The object in pieces of at most `chunk_bytes`."""
        check_key(key)
        what = f"read {key}"
        pieces = self._ask(
            lambda: self._clients.usual.get(key).stream(
                min_chunk_size=min(chunk_bytes, STREAMED_BYTES)
            ),
            what,
        )
        try:
            for piece in pieces:
                view = memoryview(piece)
                for begin in range(0, len(view), chunk_bytes):
                    yield bytes(view[begin : begin + chunk_bytes])
        except FOREIGN_ERRORS as error:
            raise explain(error, self._place, what) from error

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of the object, or None."""
        check_key(key)
        what = f"look for {key}"
        try:
            return object_stat(self._ask(lambda: self._clients.usual.head(key), what))
        except NotFound:
            if self._bucket_seen:
                return None
        except Denied:
            pass
        # An answer to HEAD has no text: only GET tells a missing bucket from a missing object,
        # and a wrong secret from a missing right (and some addresses allow only GET).
        return self._stat_by_get(key, what)

    def local_path(self, key: str) -> str | None:
        """Always None: nothing here is a local file."""
        return None

    # --- how -------------------------------------------------------------------

    def _stat_by_get(self, key: str, what: str) -> ObjectStat | None:
        try:
            return object_stat(self._ask(lambda: self._clients.usual.get(key).meta, what))
        except NotFound as error:
            if error.code != "no_object":
                raise
            self._bucket_seen = True
            return None

    def _fetch(self, key: str, spans: Sequence[Span]) -> Sequence[memoryview] | None:
        """The bytes of each span as far as the object goes; None if one begins beyond its end."""
        # Spans are merged here and not by the library: it panics on an object that is too short.
        starts, ends = [span.start for span in spans], [span.end for span in spans]
        try:
            found = obstore.get_ranges(
                self._clients.usual, key, starts=starts, ends=ends, coalesce=0
            )
        except foreign.GenericError as error:
            if is_beyond_end(error):
                return None
            raise
        return [memoryview(one) for one in found]

    def _too_short(self, key: str, ranges: Sequence[Range]) -> OpenDataError:
        found = self.stat(key)
        try:
            check_within(ranges, found.size if found else 0, key)
        except Corrupt as error:
            return error
        return Unavailable(f"{key} in {self.url} was replaced while it was read; try again")

    def _ask(self, request: Callable[[], Answer], what: str) -> Answer:
        """Send a request, again when the server is only busy; translate what it reports."""
        pauses = iter(self._busy_pauses_seconds)
        while True:
            try:
                answer = request()
            except FOREIGN_ERRORS as error:
                pause_seconds = next(pauses, None) if is_busy(error) else None
                if pause_seconds is None:
                    raise explain(error, self._place, what) from error
                # Jitter, so that writers that collided do not collide again.
                time.sleep(pause_seconds * (0.5 + random.random()))
            else:
                self._bucket_seen = True
                return answer


def object_stat(meta: ObjectMeta) -> ObjectStat:
    """The library's description of an object in the port's words."""
    return ObjectStat(meta["path"], meta["size"], _token(meta), meta["last_modified"])


def _token(meta: ObjectMeta) -> str:
    # Simple web servers send no ETag.
    return meta["e_tag"] or f"{meta['last_modified'].isoformat()}-{meta['size']}"


def _any_short(fetched: Sequence[memoryview], spans: Sequence[Span]) -> bool:
    return any(len(one) < span.end - span.start for one, span in zip(fetched, spans, strict=True))
