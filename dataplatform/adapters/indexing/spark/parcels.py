"""Files and their outcomes as bytes, on their way between processes; and errors likewise.

A parcel of files is what one task of Spark describes: few enough that losing it loses little, many
enough that starting a task costs little beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from dataplatform.channels.ports import Described, Outcome, StoredFile, Unread
from opendata.wire import errors
from opendata.wire.errors import OpenDataError

PARCEL_FILES: Final = 256
PARCEL_BYTES: Final = 1 << 30
_Listed = tuple[str, int, str, str | None]
_Told = tuple[str, int, str, str, str, int | None, str]
_Refused = tuple[str, int, str, str, str]


class _Outcomes(msgspec.Struct, array_like=True):
    described: list[_Told]
    unread: list[_Refused]


class _Failure(msgspec.Struct):
    category: str
    message: str
    code: str
    hint: str | None
    details: dict[str, Any]


_encode: Final = msgspec.msgpack.Encoder().encode
_read_files: Final = msgspec.msgpack.Decoder(list[_Listed]).decode
_read_outcomes: Final = msgspec.msgpack.Decoder(_Outcomes).decode
_read_failure: Final = msgspec.json.Decoder(_Failure).decode
_CATEGORIES: Final[dict[str, type[OpenDataError]]] = {
    kind.category: kind
    for kind in (
        errors.InvalidInput, errors.Denied, errors.NotFound, errors.Conflict, errors.Rejected,
        errors.Unavailable,
    )
}  # fmt: skip


def parcels_of(files: Iterable[StoredFile], digests: Mapping[str, str]) -> Iterator[bytes]:
    """The files in parcels of at most 256 files and, but for a single larger one, 1 GiB.

    Args:
        digests: Those of files whose bytes are known, by their paths; each travels with its file.
    """
    parcel: list[_Listed] = []
    size = 0
    for file in files:
        if parcel and (len(parcel) == PARCEL_FILES or size + file.size > PARCEL_BYTES):
            yield _encode(parcel)
            parcel, size = [], 0
        parcel.append((file.path, file.size, file.version, digests.get(file.path)))
        size += file.size
    if parcel:
        yield _encode(parcel)


def unpack_files(data: bytes) -> tuple[list[StoredFile], dict[str, str]]:
    """The files of a parcel, and the digests that are known of them."""
    listed = _read_files(data)
    files = [StoredFile(*one[:3]) for one in listed]
    return files, {one[0]: one[3] for one in listed if one[3] is not None}


def pack_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """Outcomes as one parcel."""
    parcel = _Outcomes([], [])
    for one in outcomes:
        file = one.file
        if isinstance(one, Described):
            told = (one.file_id, one.sha256, one.timestamp, one.metadata)
            parcel.described.append((file.path, file.size, file.version, *told))
        else:
            parcel.unread.append((file.path, file.size, file.version, one.code, one.reason))
    return _encode(parcel)


def unpack_outcomes(data: bytes) -> list[Outcome]:
    """The outcomes of a parcel, those that were described first."""
    parcel = _read_outcomes(data)
    outcomes: list[Outcome] = [
        Described(StoredFile(*told[:3]), *told[3:]) for told in parcel.described
    ]
    outcomes.extend(Unread(StoredFile(*told[:3]), *told[3:]) for told in parcel.unread)
    return outcomes


def pack_failure(error: OpenDataError) -> bytes:
    """An error as bytes that the other process can raise it from."""
    failure = _Failure(error.category, error.message, error.code, error.hint, error.details)
    return msgspec.json.encode(failure, enc_hook=str)


def unpack_failure(data: bytes) -> OpenDataError:
    """The error that was packed, of the same category; one that is unknown is a refusal."""
    told = _read_failure(data)
    kind = _CATEGORIES.get(told.category, errors.Rejected)
    return kind(told.message, hint=told.hint, code=told.code, details=told.details)
