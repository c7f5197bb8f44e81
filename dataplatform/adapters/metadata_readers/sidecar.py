"""The JSON file beside a file: one object, of which `timestamp` is the file's time."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any, Final

import msgspec

from dataplatform.channels.told import Told, read_time
from opendata.wire.errors import InvalidInput

TIME_KEY: Final = "timestamp"
SIZE_MAX_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"


def read_sidecar(data: bytes, path: str, zone: tzinfo = UTC) -> Told:
    """What a sidecar tells. A time without an offset is one of `zone`.

    Args:
        path: The sidecar's own path, by which errors name it.

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
    return Told(timestamp, value)


def _bad(path: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the sidecar {path} cannot be used: {why}",
        code="bad_sidecar",
        hint=f"correct {path}, or remove it: without one, the file's time comes from elsewhere",
        details={"path": path},
    )
