"""The reading half of patience: a store that is asked again until it answers.

Together with `patient_store` the one place where requests are repeated. It wraps any store of the
port. A stream that breaks goes on where it stopped, and is never of two versions. How often and
how long is in `patience`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

from opendata.stores.patience import Contact, Patience, Request
from opendata.stores.port import (
    REPLACED,
    Blob,
    ByteStream,
    ObjectReader,
    ObjectStat,
    Opened,
    version_of,
)
from opendata.stores.ranges import Pieces, Range
from opendata.wire.errors import Corrupt, NotFound, OpenDataError, Unavailable

Answer = TypeVar("Answer")
Inner = TypeVar("Inner", bound=ObjectReader)


class PatientReader(Generic[Inner]):
    """The reading half of a store, asked again until it answers."""

    def __init__(self, inner: Inner, patience: Patience | None = None) -> None:
        self._inner = inner
        self._patience = patience or Patience()
        self._contact = Contact(self._patience)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inner!r})"

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._inner.url

    @property
    def serves_ranges(self) -> bool:
        """Whether ranges cost no more than their bytes."""
        return self._inner.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The whole object with its version."""
        return self._ask(lambda: self._inner.get(key, max_bytes=max_bytes))

    def get_ranges(self, key: str, ranges: Sequence[Range]) -> Pieces:
        """Bytes of several ranges; what arrives short is fetched again."""

        def request() -> Pieces:
            pieces = self._inner.get_ranges(key, ranges)
            lengths = [length for _, length in ranges]
            if [len(piece) for piece in pieces] != lengths:
                raise _short(key, self.url)
            return pieces

        return self._ask(request)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> ByteStream:
        """The object in pieces; a stream that breaks goes on where it stopped."""
        return ByteStream(partial(self._pieces, key, chunk_bytes))

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of the object, or None."""
        return self._ask(lambda: self._inner.stat(key))

    def local_path(self, key: str) -> str | None:
        """The object's local file, if the store has such."""
        return self._inner.local_path(key)

    # --- how -------------------------------------------------------------------

    def _begin(self) -> Request:
        return Request(self._patience, self._contact)

    def _ask(self, act: Callable[[], Answer]) -> Answer:
        request = self._begin()
        while True:
            try:
                answer = act()
            except Unavailable as error:
                request.rest_or_give_up(error)
            except OpenDataError:
                self._contact.answered()
                raise
            else:
                self._contact.answered()
                return answer

    def _pieces(self, key: str, chunk_bytes: int, opened: Opened) -> Iterator[bytes]:
        request, have = self._begin(), 0
        while True:
            stream = self._inner.stream(key, chunk_bytes)
            problem: Unavailable | None = None
            try:
                for piece in stream:
                    if not have and (version := version_of(stream)):
                        opened(version)
                    have += len(piece)
                    yield piece
            except Unavailable as error:
                problem = error
            version = version_of(stream)
            if problem is None and version is not None and have < version.size:
                problem = _short(key, self.url)
            if problem is None:
                self._contact.answered()
                return
            if have:
                break
            request.rest_or_give_up(problem)
        if version is None:  # nobody can tell what the rest would be a rest of
            raise problem
        yield from self._rest(key, chunk_bytes, have, version)

    def _rest(self, key: str, chunk_bytes: int, have: int, version: ObjectStat) -> Iterator[bytes]:
        """What is missing of a broken stream, by ranges.

        Before the last piece is handed over, the object is looked at: if it is the version that
        it was, all pieces are that version's.
        """
        for offset in range(have, version.size, chunk_bytes):
            length = min(chunk_bytes, version.size - offset)
            try:
                piece = self.get_ranges(key, [(offset, length)])[0]
            except (Corrupt, NotFound) as error:
                raise self._replaced(key) from error
            if offset + length == version.size:
                found = self.stat(key)
                if found is None or found.token != version.token:
                    raise self._replaced(key)
            yield piece

    def _replaced(self, key: str) -> Unavailable:
        return Unavailable(
            f"{key} in {self.url} was replaced while it was read",
            code=REPLACED,
            hint="run the same command again",
        )


def _short(key: str, url: str) -> Unavailable:
    return Unavailable(
        f"{key} in {url} arrived short",
        code="short_answer",
        hint="the connection breaks off: check the network, then try again",
    )
