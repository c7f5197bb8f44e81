"""The writing half of the port over obstore.

A payload that lies in a file is sent straight from the page cache: the file is mapped, not read, so
memory stays flat. What must be created and not replaced is one request, because only a single PUT
can be that; a large file that may be replaced goes in parts (see `multipart`).
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from obstore import exceptions as foreign

from opendata.stores.disk import explained, payload_bytes
from opendata.stores.multipart import FROM_BYTES, MULTIPART_MAX_BYTES, put_in_parts
from opendata.stores.naming import check_key, check_prefix, is_key, parent_of
from opendata.stores.obstore_errors import NO_BUCKET, code_of, is_busy
from opendata.stores.obstore_reader import Answer, ObstoreReader, object_stat
from opendata.stores.port import (
    AlreadyExists,
    LocalFile,
    ObjectStat,
    Payload,
    PreconditionFailed,
)
from opendata.wire.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Client

SINGLE_PUT_MAX_BYTES = 4 << 30  # S3 and R2 take up to 5 GiB in one request


class ObstoreStore(ObstoreReader):
    """Objects that can be read and written."""

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Write whatever was there before."""
        return self._put(self._client_for(data), key, data, "overwrite", content_type)

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Create, or raise AlreadyExists."""
        try:
            return self._put(self._client_for(data), key, data, "create", content_type)
        except foreign.AlreadyExistsError as error:
            raise AlreadyExists(f"{key} already exists in {self.url}") from error

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        """Replace exactly the version `token`, or raise PreconditionFailed."""
        try:
            return self._put(self._client_for(data), key, data, {"e_tag": token}, content_type)
        except foreign.PreconditionError as error:
            message = f"{key} in {self.url} is another version by now, or does not exist"
            raise PreconditionFailed(message) from error

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """All objects whose key begins with `prefix`, in byte order.

        The whole listing is held and sorted, because servers differ in their order.
        """
        check_prefix(prefix)
        found: Sequence[ObjectMeta] = self._ask(
            lambda: self._clients.usual.list(parent_of(prefix) or None).collect(),
            f"list {prefix or 'everything'}",
        )
        matching = [one for one in found if one["path"].startswith(prefix) and is_key(one["path"])]
        # Code points sort as their UTF-8 bytes do.
        return (object_stat(one) for one in sorted(matching, key=lambda one: one["path"]))

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        check_key(key)
        try:
            self._ask(lambda: self._clients.usual.delete(key), f"delete {key}")
        except NotFound as error:
            if error.code != "no_object":
                raise

    # --- how -------------------------------------------------------------------

    def _client_for(self, data: Payload) -> Client:
        return self._clients.bulk(payload_bytes(data))

    def _put(
        self, client: Client, key: str, data: Payload, mode: Any, content_type: str | None
    ) -> str:
        check_key(key)
        attributes: Any = {"Content-Type": content_type} if content_type else None
        if mode == "overwrite" and isinstance(data, LocalFile) and _is_large(data):
            path = data.path
            return self._ask_for_place(
                lambda: put_in_parts(client, key, path, attributes), f"write {key}"
            )
        with self._body(data) as body:

            def request() -> str:
                result = client.put(
                    key, body, attributes=attributes, mode=mode, use_multipart=False
                )
                return result["e_tag"] or ""

            return self._ask_for_place(request, f"write {key}")

    def _ask_for_place(self, request: Callable[[], Answer], what: str) -> Answer:
        """As `_ask`, but a lost race comes out as the library's own exception."""

        def guarded() -> Answer | foreign.BaseError:
            try:
                return request()
            except (foreign.AlreadyExistsError, foreign.PreconditionError) as error:
                # Two writers met and nobody has won yet; or there is not even a bucket.
                if is_busy(error) or code_of(error) == NO_BUCKET:
                    raise
                return error

        answer = self._ask(guarded, what)
        if isinstance(answer, foreign.BaseError):
            raise answer
        return answer

    @contextlib.contextmanager
    def _body(self, data: Payload) -> Iterator[bytes | mmap.mmap]:
        size = payload_bytes(data)
        if size > SINGLE_PUT_MAX_BYTES:
            raise InvalidInput(
                f"an object of {size} bytes is too large for {self.url}: "
                f"at most {SINGLE_PUT_MAX_BYTES} bytes go into one",
                code="object_too_large",
                hint="cut the release into shards: release.shard in opendata.yaml",
            )
        if not isinstance(data, LocalFile):
            yield data
        elif size == 0:  # an empty file cannot be mapped
            yield b""
        else:
            with explained(data.path), open(data.path, "rb") as file:
                mapped = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
            try:
                yield mapped
            finally:
                # A request that was given up may still hold it; then it goes when that does.
                with contextlib.suppress(BufferError):
                    mapped.close()


def _is_large(data: LocalFile) -> bool:
    """Whether the file goes in parts.

    Raises:
        InvalidInput: if it is larger than an upload may be.
    """
    size = payload_bytes(data)
    if size > MULTIPART_MAX_BYTES:
        raise InvalidInput(
            f"{data.path} has {size} bytes, more than an upload may have ({MULTIPART_MAX_BYTES})",
            hint="cut the release into smaller shards: release.shard in opendata.yaml",
        )
    return size >= FROM_BYTES
