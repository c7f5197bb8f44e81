"""A store that is asked again: the one place where requests are repeated and outcomes settled.

It wraps any store of the port and keeps the port's promises where the network does not. Reads,
listings, deletes and unconditional writes may be repeated as they are. A conditional write may be
repeated as well, since it happens once at most; but the refusal of a repeated one may be one's own
first write, whose answer was lost: so the object is read back, and one's own bytes are a success.
How often and how long is in `patience`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

from opendata.stores.patience import Contact, Patience, Request
from opendata.stores.port import (
    REPLACED,
    WITHOUT_EFFECT,
    AlreadyExists,
    Blob,
    ByteStream,
    LocalFile,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Opened,
    Payload,
    PreconditionFailed,
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


class PatientStore(PatientReader[ObjectStore]):
    """A whole store, asked again until it answers; lost answers to writes are settled."""

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Write whatever was there before."""
        return self._ask(lambda: self._inner.put(key, data, content_type=content_type))

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Create, or raise AlreadyExists."""
        return self._settled(
            lambda: self._inner.put_new(key, data, content_type=content_type), key, data
        )

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        """Replace exactly the version `token`, or raise PreconditionFailed."""
        return self._settled(
            lambda: self._inner.put_if_match(key, data, token, content_type=content_type),
            key,
            data,
        )

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """All objects whose key begins with `prefix`; held whole, so that it is never half."""
        return iter(self._ask(lambda: [*self._inner.list(prefix)]))

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        self._ask(lambda: self._inner.delete(key))

    # --- how -------------------------------------------------------------------

    def _settled(self, write: Callable[[], str], key: str, data: Payload) -> str:
        """Send a conditional write until it is answered; its token, if one of the sent ones won."""
        request, perhaps_written = self._begin(), False
        while True:
            try:
                token = write()
            except Unavailable as error:
                perhaps_written = perhaps_written or error.code not in WITHOUT_EFFECT
                request.rest_or_give_up(error)
            except (AlreadyExists, PreconditionFailed):
                self._contact.answered()
                token = self._token_if_mine(key, data) if perhaps_written else ""
                if not token:
                    raise
                return token
            else:
                self._contact.answered()
                return token

    def _token_if_mine(self, key: str, data: Payload) -> str:
        """The version of the object if its bytes are these, else nothing."""
        try:
            if isinstance(data, bytes):
                blob = self.get(key, max_bytes=len(data))
                return blob.token if blob.data == data else ""
            found = self.stat(key)
            return found.token if found and self._holds_file(key, data, found) else ""
        except (NotFound, Corrupt):  # removed since, or larger
            return ""
        except Unavailable as error:
            raise Unavailable(
                f"whether {key} was written to {self.url} is not known: {error.message}",
                code="outcome_unknown",
                hint="run the same command again: it finds out",
            ) from error

    def _holds_file(self, key: str, data: LocalFile, found: ObjectStat) -> bool:
        with open(data.path, "rb") as file:
            if file.seek(0, 2) != found.size:
                return False
            file.seek(0)
            return all(file.read(len(piece)) == piece for piece in self.stream(key))


def _short(key: str, url: str) -> Unavailable:
    return Unavailable(
        f"{key} in {url} arrived short",
        code="short_answer",
        hint="the connection breaks off: check the network, then try again",
    )
