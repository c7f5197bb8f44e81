"""How wire values become bytes and come back.

Writing is canonical (RFC 8785), so equal values have equal bytes. Reading checks types and names
the place of what is wrong; unknown fields are left alone, so that an old reader reads what a newer
writer wrote. Values are `msgspec` structs: frozen, typed, and absent where None.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

import msgspec

from opendata.wire.digest import canonical_json
from opendata.wire.errors import Corrupt, InvalidInput

T = TypeVar("T", bound="Wire")
DOCUMENT_BYTES_MAX = 128 << 20
"""What a stored document may have at most; as values it takes many times that much memory."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# Type checkers do not see that a struct's subclasses are frozen and keyword-only as it is.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every stored value.

    `ADDED_LATER` names fields that came after values without them had been stored: they are
    written only where they say something, so what was stored before is still written the same.
    """

    ADDED_LATER: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """The value as plain JSON types."""
        value: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        for name in self.ADDED_LATER:
            if not value[name]:
                del value[name]
        return value

    def to_bytes(self) -> bytes:
        """The value's canonical bytes."""
        return canonical_json(self.to_json())


def replace(value: T, **changes: Any) -> T:
    """A copy of a wire value with some fields exchanged."""
    return msgspec.structs.replace(value, **changes)


@cache
def decoder_of(kind: type[Wire]) -> msgspec.json.Decoder[Any]:
    """What reads values of this type. A module of stored types asks for it when it loads, so that
    the first read does not work the types out."""
    return msgspec.json.Decoder(kind)


def read_wire(kind: type[T], data: bytes, what: str) -> T:
    """Read stored bytes as `kind`.

    Raises:
        Corrupt: naming `what` and the place in it, when the bytes are not such a value.
    """
    _check_size(data, what)
    try:
        return cast(T, decoder_of(kind).decode(data))
    except _UNREADABLE as error:
        raise Corrupt(
            f"{what} cannot be read as a {kind.__name__.lower()}: {error}",
            code="malformed_object",
            hint="od repair rebuilds derived objects; od verify names damaged ones",
            details={"object": what},
        ) from error


def read_json(data: bytes, what: str) -> dict[str, Any]:
    """Read stored bytes as a JSON object without interpreting it.

    Raises:
        Corrupt: naming `what`.
    """
    _check_size(data, what)
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except _UNREADABLE as error:
        raise Corrupt(
            f"{what} is not a JSON object: {error}",
            code="malformed_object",
            details={"object": what},
        ) from error


def _check_size(data: bytes, what: str) -> None:
    if len(data) > DOCUMENT_BYTES_MAX:
        raise Corrupt(
            f"{what} has {len(data):,} bytes; a document has at most {DOCUMENT_BYTES_MAX:,}",
            code="document_too_large",
            hint="od verify names damaged objects; an earlier release can be loaded by @VERSION",
            details={"object": what, "size_bytes": len(data)},
        )


def stored_canonical(value: dict[str, Any], what: str) -> bytes:
    """The canonical bytes of a JSON object that was read from a store.

    Raises:
        Corrupt: naming `what`, if it holds what canonical JSON never does (numbers beyond 2^53).
    """
    try:
        return canonical_json(value)
    except InvalidInput as error:
        raise Corrupt(
            f"{what} is corrupt: {error.message}",
            code="malformed_object",
            details={"object": what},
        ) from error
