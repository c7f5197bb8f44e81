"""Files behind presigned addresses: asked for many at a time, and again before they run out.

The bytes come from where they lie and not through the API. An address is a secret for as long as
it is good, so it stands in no message; the token never goes to where it leads.
"""

from __future__ import annotations

import os
import stat as stat_bits
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import urllib3
from urllib3.exceptions import HTTPError

from opendata._index_client.answers import LinksAnswer, read_answer
from opendata._index_client.quiet_log import hide_queries
from opendata._index_client.records import FileRecord
from opendata._index_client.web import Fields, Web
from opendata.stores.disk import explained
from opendata.stores.port import UNREACHABLE, Blob, ObjectReader, ObjectStat
from opendata.stores.ranges import check_small
from opendata.wire.errors import Corrupt, Denied, NotFound, OpenDataError, Unavailable
from opendata.wire.times import format_instant

AT_ONCE: Final = 1_000
"""So many addresses are asked for at a time."""
GOOD_SECONDS: Final = 3_600
"""For so long addresses are asked for; counted here, since clocks of two machines differ."""
MARGIN_SECONDS: Final = 120.0
"""An address that is good for less is asked for again."""
PIECE_BYTES: Final = 1 << 20
TIMEOUT_SECONDS: Final = 30.0
_GONE: Final = (401, 403)


class LinkedFiles:
    """One channel's files, through the API's download endpoint."""

    def __init__(self, web: Web, path: str, fields: Fields, channel: str) -> None:
        self._web = web
        self._path = path
        self._fields = [*fields, ("expires", str(GOOD_SECONDS))]
        self._channel = channel

    def reader(self, files: Sequence[FileRecord]) -> ObjectReader:
        """Reads those files."""
        times = {file["file_id"]: file["timestamp"] for file in files}
        return LinkReader(self._web.url, times, self._ask)

    def key_of(self, file: FileRecord) -> str:
        """Its id."""
        return str(file["file_id"])

    def _ask(self, wanted: dict[str, datetime | None]) -> LinksAnswer:
        body: dict[str, Any] = {"channel": self._channel, "file_ids": list(wanted)}
        times = [at for at in wanted.values() if at is not None]
        if len(times) == len(wanted):  # spares the API a look through all of the index
            body["start_time"] = format_instant(min(times))
            body["end_time"] = format_instant(max(times))
        answer = self._web.read(self._path, self._fields, body=body)
        return cast(LinksAnswer, read_answer(LinksAnswer, answer.data, self._web.url))


class LinkReader:
    """Reads files by id; thread-safe. Implements the reading half of the store port."""

    serves_ranges = True

    def __init__(
        self,
        url: str,
        times: dict[str, datetime | None],
        ask: Callable[[dict[str, datetime | None]], LinksAnswer],
    ) -> None:
        self.url = url
        self._times = times
        self._order = list(times)
        self._places = {name: at for at, name in enumerate(self._order)}
        self._ask = ask
        self._links: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        hide_queries()
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=urllib3.Timeout(connect=10.0, read=TIMEOUT_SECONDS),
            retries=urllib3.Retry(
                total=5, status_forcelist=(429, 500, 502, 503, 504), backoff_factor=0.2,
                backoff_jitter=0.2, raise_on_status=False, redirect=3,
            ),
        )  # fmt: skip

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """A file's bytes in pieces.

        Raises:
            NotFound, Denied, Unavailable: as its place answers.
        """
        return self._pieces(key, 0, None)

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Some ranges of a file, each exactly as long as asked.

        Raises:
            NotFound, Denied, Unavailable: as its place answers; Corrupt where the file is shorter.
        """
        return [b"".join(self._pieces(key, offset, length)) for offset, length in ranges]

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """A file, whole.

        Raises:
            Corrupt: if it has more than `max_bytes`; and as :meth:`stream`.
        """
        pieces, have = [], 0
        for piece in self._pieces(key, 0, None):
            have += len(piece)
            check_small(have, max_bytes, key)
            pieces.append(piece)
        return Blob(b"".join(pieces), "")

    def stat(self, key: str) -> ObjectStat | None:
        """Nothing: an address is for reading."""
        return None

    def local_path(self, key: str) -> str | None:
        """Where a file lies, if that is on this machine."""
        return _local_file(self._link(key))

    # --- bytes -----------------------------------------------------------------------

    def _pieces(self, key: str, offset: int, length: int | None) -> Iterator[bytes]:
        for is_last in (False, True):  # an address that has run out is asked for again, once
            link = self._link(key, fresh=is_last)
            if link.startswith("file:"):
                yield from _file_pieces(link, key, offset, length)
                return
            response = self._open(link, key, offset, length)
            if response.status in _GONE and not is_last:
                response.release_conn()
                continue
            yield from self._body(response, key, offset, length)
            return

    def _open(
        self, link: str, key: str, offset: int, length: int | None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"user-agent": "opendata", "accept-encoding": "identity"}
        if length is not None:
            headers["range"] = f"bytes={offset}-{offset + length - 1}"
        try:
            return self._pool.request("GET", link, headers=headers, preload_content=False)
        except (HTTPError, OSError) as error:
            raise _no_answer(link, key, error) from None  # the error itself names the address

    def _body(
        self, response: urllib3.BaseHTTPResponse, key: str, offset: int, length: int | None
    ) -> Iterator[bytes]:
        wanted = 200 if length is None else 206
        if response.status != wanted and response.status != 200:
            status = response.status
            response.release_conn()
            raise _refusal(status, key)
        skip = offset if response.status != wanted else 0  # it sends all of it for a range
        left = length
        try:
            for piece in response.stream(PIECE_BYTES, decode_content=False):
                begin = min(skip, len(piece))
                skip -= begin
                part = piece[begin:] if left is None else piece[begin : begin + left]
                if part:
                    left = None if left is None else left - len(part)
                    yield part
                if left == 0:
                    return
        except (HTTPError, OSError) as error:
            raise _no_answer("", key, error) from None
        finally:
            response.close()
        if left:
            raise Corrupt(f"{key} is too short", code="object_too_short", details={"object": key})

    # --- addresses -------------------------------------------------------------------

    def _link(self, key: str, *, fresh: bool = False) -> str:
        with self._lock:
            known = self._links.get(key)
            if fresh or known is None or known[1] < time.monotonic():
                self._ask_from(key)
                known = self._links.get(key)
        if known is None:
            raise NotFound(f"the API gives no address for {key}", code="no_link")
        return known[0]

    def _ask_from(self, key: str) -> None:
        """Ask for this file's address, and for those of the files around it."""
        at = self._places.get(key)
        if at is None:
            raise NotFound(f"{key} is none of the files that are read here", code="no_link")
        start = at // AT_ONCE * AT_ONCE  # so that neighbours who ask at once ask for the same
        names = self._order[start : start + AT_ONCE]
        until = time.monotonic() + GOOD_SECONDS - MARGIN_SECONDS
        answer = self._ask({name: self._times[name] for name in names})
        for link in answer.files:
            self._links[link.file_id] = (link.url, until)


def _local_file(link: str) -> str | None:
    """The plain file that a `file:` address names, if it is there."""
    parts = urlsplit(link)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = url2pathname(parts.path)
    try:
        return path if stat_bits.S_ISREG(os.lstat(path).st_mode) else None
    except OSError:
        return None


def _file_pieces(link: str, key: str, offset: int, length: int | None) -> Iterator[bytes]:
    path = _local_file(link)
    if path is None:
        raise NotFound(
            f"{key} lies in a folder of the API's machine, which is not here: "
            f"{unquote(urlsplit(link).path)}",
            code="not_on_this_machine",
            hint="mount that folder here, or keep the channel's files in a bucket",
        )
    with explained(path), open(path, "rb") as file:
        file.seek(offset)
        left = length
        while piece := file.read(PIECE_BYTES if left is None else min(left, PIECE_BYTES)):
            left = None if left is None else left - len(piece)
            yield piece
    if left:
        raise Corrupt(f"{key} is too short", code="object_too_short", details={"object": key})


def _no_answer(link: str, key: str, error: Exception) -> Unavailable:
    where = urlsplit(link).netloc or "its place"
    return Unavailable(f"{where} does not hand out {key}: {type(error).__name__}", code=UNREACHABLE)


def _refusal(status: int, key: str) -> OpenDataError:
    if status in _GONE:
        return Denied(
            f"the place of {key} refuses the address that the API gave", code="link_refused"
        )
    if status in (404, 410):
        return NotFound(f"{key} is no longer where the bundle says", code="no_object")
    return Unavailable(f"the place of {key} answered {status}", code=f"http_{status}")
