"""Reading one file of a channel and describing it: what every engine does with each.

Here belongs what becomes of a file that vanishes, changes or cannot be read while it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dataplatform.channels.describe import Describer
from dataplatform.channels.ports import ChannelFiles, Hashed, Outcome, StoredFile, Unread
from opendata.wire.errors import Denied, InvalidInput, NotFound, Unavailable

VANISHED: Final = "vanished"
CHANGED: Final = "changed"
UNREADABLE: Final = "unreadable"
READ_ATTEMPTS: Final = 2
SIDECAR_MAX_BYTES: Final = 4 << 20


def describe_all(
    files: ChannelFiles,
    describer: Describer,
    chunk: Sequence[StoredFile],
    digests: Mapping[str, str],
) -> Sequence[Outcome]:
    """One outcome for each of some files; what is in `digests` is not hashed again."""
    if describer.needs_content:
        return [describe_stored(files, describer, one, digests.get(one.path)) for one in chunk]
    # Reading all before describing any lets threads work beside each other: reading gives up
    # Python's lock for each file, describing holds it.
    read = [_read_stored(files, describer, one, digests.get(one.path)) for one in chunk]
    return [_described(describer, one) for one in read]


def describe_hashed(
    files: ChannelFiles,
    describer: Describer,
    chunk: Sequence[StoredFile],
    hashed: Sequence[Hashed | None],
) -> Sequence[Outcome]:
    """One outcome for each of some files that others have hashed; what is None is read here."""
    return [
        describer.describe(one.file, b"", None, one.sha256)
        if one is not None
        else describe_stored(files, describer, file)
        for file, one in zip(chunk, hashed, strict=True)
    ]


def describe_stored(
    files: ChannelFiles, describer: Describer, file: StoredFile, sha256: str | None = None
) -> Outcome:
    """What is known of a file after it was read; with `sha256` only as much as is not known yet.

    A file that is another one than was listed is described as it is now: the next indexing compares
    with that. One that changes while it is read is read once more.
    """
    return _described(describer, _read_stored(files, describer, file, sha256))


def _described(describer: Describer, read: tuple[Hashed, bytes | None] | Unread) -> Outcome:
    if isinstance(read, Unread):
        return read
    hashed, sidecar = read
    return describer.describe(hashed.file, hashed.head, sidecar, hashed.sha256)


def _read_stored(
    files: ChannelFiles, describer: Describer, file: StoredFile, sha256: str | None
) -> tuple[Hashed, bytes | None] | Unread:
    for attempt in range(READ_ATTEMPTS):
        try:
            hashed = _read(files, describer, file, sha256)
            return hashed, _sidecar(files, describer, file)
        except NotFound:
            return Unread(file, VANISHED, "it is not there any more")
        except InvalidInput as error:
            return Unread(file, error.code, error.message)
        except Denied as error:
            return Unread(file, UNREADABLE, error.message)
        except Unavailable as error:
            if error.code != CHANGED:
                return Unread(file, UNREADABLE, error.message)
            if attempt + 1 == READ_ATTEMPTS:
                return Unread(file, CHANGED, "it changed while it was read, twice")
    raise AssertionError("the last attempt returns")


def _read(
    files: ChannelFiles, describer: Describer, file: StoredFile, sha256: str | None
) -> Hashed:
    if sha256 is None:
        return files.hash(file.path, describer.head_bytes)
    if files.stat(file.path) != file:
        return files.hash(file.path, describer.head_bytes)  # it is another one by now
    return Hashed(file, sha256, _head(files, file.path, describer.head_bytes))


def _head(files: ChannelFiles, path: str, head_bytes: int) -> bytes:
    head = b""
    if head_bytes:
        for piece in files.stream(path):
            head += piece
            if len(head) >= head_bytes:
                break
    return head[:head_bytes]


def _sidecar(files: ChannelFiles, describer: Describer, file: StoredFile) -> bytes | None:
    path = describer.sidecar_of(file.path)
    if path is None or path == file.path:
        return None
    data = b""
    try:
        for piece in files.stream(path):
            data += piece
            if len(data) > SIDECAR_MAX_BYTES:
                raise InvalidInput(
                    f"its sidecar {path} has more than {SIDECAR_MAX_BYTES:,} bytes",
                    code="large_sidecar",
                )
    except NotFound:
        return None
    return data
