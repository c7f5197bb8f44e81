"""The writing half of patience: repeated writes, and what their lost answers were.

Listings, deletes and unconditional writes may be repeated as they are. A conditional write may be
repeated as well, since it happens once at most; but the refusal of a repeated one may be one's own
first write, whose answer was lost: so the object is read back, and one's own bytes are a success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opendata.stores.patient_reader import PatientReader
from opendata.stores.port import (
    WITHOUT_EFFECT,
    AlreadyExists,
    LocalFile,
    ObjectStat,
    ObjectStore,
    Payload,
    PreconditionFailed,
)
from opendata.wire.errors import Corrupt, NotFound, Unavailable


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
