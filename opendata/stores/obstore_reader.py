"""The reading half of the port over obstore, for every technology that this library speaks.

Here belongs what S3, HTTP and memory have in common. What a technology needs to be opened
(credentials, time-outs, addresses) is in its own module; writing is in `obstore_store`. Every
request is sent once: asking again is `patient_reader`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore import exceptions as foreign

from opendata.stores.naming import check_key
from opendata.stores.obstore_errors import (
    FOREIGN_ERRORS,
    Place,
    explain,
    is_beyond_end,
)
from opendata.stores.port import REPLACED, Blob, ByteStream, ObjectStat, Opened
from opendata.stores.ranges import (
    Pieces,
    Range,
    Span,
    check_ranges,
    check_small,
    check_within,
    cut_ranges,
    merge_ranges,
)
from opendata.wire.errors import Corrupt, Denied, NotFound, OpenDataError, Unavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Client

STREAMED_BYTES = 1 << 20

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Clients:
    """The library's client for each kind of request.

    None repeats a request by itself, so that a compare-and-set is sent once and its answer is its
    own. `bulk` makes a client that gives a write the time that so many bytes may take. Only
    `parts` repeats: a part of an upload is the same part again, and a thousand of them must not
    begin anew for one.
    """

    usual: Client
    bulk: Callable[[int], Client]
    parts: Client


class ObstoreReader:
    """Objects that can be read."""

    def __init__(self, clients: Clients, place: Place) -> None:
        self._clients = clients
        self._place = place
        self._bucket_seen = place.bucket is None
        self._serves_ranges = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """The address as typed; never with credentials."""
        return self._place.url

    @property
    def serves_ranges(self) -> bool:
        """Whether ranges cost no more than their bytes, as far as was seen."""
        return self._serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The whole object with its version; one beyond `max_bytes` is refused unread."""
        check_key(key)

        def request() -> Blob:
            result = self._clients.usual.get(key)
            check_small(result.meta["size"], max_bytes, key)
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

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> ByteStream:
        """The object in pieces of at most `chunk_bytes`."""
        return ByteStream(partial(self._pieces, key, chunk_bytes))

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

    def _pieces(self, key: str, chunk_bytes: int, opened: Opened) -> Iterator[bytes]:
        check_key(key)
        what = f"read {key}"
        result = self._ask(lambda: self._clients.usual.get(key), what)
        opened(object_stat(result.meta))
        try:
            for piece in result.stream(min_chunk_size=min(chunk_bytes, STREAMED_BYTES)):
                view = memoryview(piece)
                for begin in range(0, len(view), chunk_bytes):
                    yield bytes(view[begin : begin + chunk_bytes])
        except FOREIGN_ERRORS as error:
            raise explain(error, self._place, what) from error

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
        message = f"{key} in {self.url} was replaced while it was read; try again"
        return Unavailable(message, code=REPLACED)

    def _ask(self, request: Callable[[], Answer], what: str) -> Answer:
        """Send a request; translate what it reports."""
        try:
            answer = request()
        except FOREIGN_ERRORS as error:
            raise explain(error, self._place, what) from error
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
