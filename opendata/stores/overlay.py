"""A rehearsal's store: reads see the real one underneath, writes stay in the layer on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opendata.stores.port import (
    AlreadyExists,
    Blob,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Payload,
    PreconditionFailed,
)


class OverlayStore:
    """`upper` is written and read first; `lower` is only ever read (and may be missing)."""

    def __init__(self, upper: ObjectStore, lower: ObjectReader | None) -> None:
        self._upper = upper
        self._lower = lower

    @property
    def url(self) -> str:
        """The address of what lies underneath, since that is what is being rehearsed."""
        return self._lower.url if self._lower else self._upper.url

    @property
    def serves_ranges(self) -> bool:
        """Whether both layers do."""
        return self._upper.serves_ranges and (self._lower is None or self._lower.serves_ranges)

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The object of the upper layer, else the lower one's."""
        return self._layer(key).get(key, max_bytes=max_bytes)

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Ranges of the object that `get` would return."""
        return self._layer(key).get_ranges(key, ranges)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """Pieces of the object that `get` would return."""
        return self._layer(key).stream(key, chunk_bytes)

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of the object that `get` would return."""
        upper = self._upper.stat(key)
        return upper if upper or self._lower is None else self._lower.stat(key)

    def local_path(self, key: str) -> str | None:
        """The path of the object that `get` would return."""
        upper = self._upper.local_path(key)
        return upper if upper or self._lower is None else self._lower.local_path(key)

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Write to the upper layer."""
        return self._upper.put(key, data, content_type=content_type)

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Create in the upper layer; taken if either layer has the key."""
        if self._lower is not None and self._lower.stat(key) is not None:
            raise AlreadyExists(f"{key} exists already", code="already_exists")
        return self._upper.put_new(key, data, content_type=content_type)

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        """Replace an object; one that lies underneath is copied up when its version matches."""
        if self._upper.stat(key) is None and self._lower is not None:
            if self._lower.get(key).token != token:
                raise PreconditionFailed(f"{key} is another version", code="precondition_failed")
            return self._upper.put_new(key, data, content_type=content_type)
        return self._upper.put_if_match(key, data, token, content_type=content_type)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """The objects of both layers, the upper one's first where both have a key."""
        found = {stat.key: stat for stat in self._upper.list(prefix)}
        if isinstance(self._lower, ObjectStore):
            found = {stat.key: stat for stat in self._lower.list(prefix)} | found
        yield from (found[key] for key in sorted(found, key=str.encode))

    def delete(self, key: str) -> None:
        """Remove from the upper layer; what lies underneath stays."""
        self._upper.delete(key)

    def _layer(self, key: str) -> ObjectReader:
        if self._lower is None or self._upper.stat(key) is not None:
            return self._upper
        return self._lower
