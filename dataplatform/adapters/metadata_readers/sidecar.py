"""The JSON file beside a file: one object, of which `timestamp` is the file's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

import msgspec

from dataplatform.channels.ports import Reading, StoredFile
from dataplatform.channels.told import plain_metadata, read_time
from opendata.wire.errors import InvalidInput

TIME_KEY: Final = "timestamp"
SIZE_MAX_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class SidecarReader:
    """The sidecars of a channel. A time without an offset is one of `zone`."""

    zone: tzinfo = UTC
    head_bytes: int = 0

    def read(self, file: StoredFile, head: bytes, sidecar: bytes | None) -> Reading:
        """See `read_sidecar`; a file without a sidecar is told nothing of."""
        return Reading() if sidecar is None else read_sidecar(sidecar, file.path, self.zone)


def read_sidecar(data: bytes, path: str, zone: tzinfo = UTC) -> Reading:
    """What a sidecar tells. A time without an offset is one of `zone`.

    Args:
        path: The path of the file beside which it lies, by which errors name it.

    Raises:
        InvalidInput: code `bad_sidecar`, if it is no JSON object, has more than 1 MiB, or its
            `timestamp` is no time.
    """
    if len(data) > SIZE_MAX_BYTES:
        raise _bad(path, f"it has {len(data):,} bytes; at most {SIZE_MAX_BYTES:,} are read")
    try:
        value = msgspec.json.decode(data.removeprefix(_BOM), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path, f"it is no JSON object ({error})") from error
    try:
        timestamp = read_time(value.pop(TIME_KEY, None), zone)
    except InvalidInput as error:
        raise _bad(path, f"its `{TIME_KEY}`: {error.message}") from error
    return Reading(timestamp, plain_metadata(value))


def _bad(path: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the sidecar of {path} cannot be used: {why}",
        code="bad_sidecar",
        hint="correct it, or remove it: without one, the file's time comes from elsewhere",
        details={"path": path},
    )
