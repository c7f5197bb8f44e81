"""The file that the tokens of a service lie in: read, watched for changes, and changed whole.

It holds digests alone, yet whoever can write it lets anybody in: a file that others may write is
refused. A list that cannot be read opens nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from dataplatform.api.tokens import TOKENS_FORMAT, Grant, TokenCheck, TokenList
from opendata.stores.disk import exclusive_lock, explain_os_error
from opendata.wire.codec import decoder_of, read_wire
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

RECHECK_SECONDS: Final = 1.0
"""For how long a revoked token may still open something."""
VARIABLE: Final = "OPENDATA_API_TOKENS"
_HINT: Final = f"{VARIABLE} is file:PATH; od serve token add NAME makes the file"
_BYTES_MAX: Final = 8 << 20
_MODE: Final = 0o600

decoder_of(TokenList)


class Tokens(Protocol):
    """What tells who asks."""

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        """What a token opens, or None. Raises Unavailable where that cannot be told."""
        ...


def token_path(reference: str) -> Path:
    """The path that `file:PATH` names.

    Raises:
        InvalidInput: if it is anything else.
    """
    kind, _, place = reference.partition(":")
    if kind != "file" or not place:
        raise InvalidInput(f"{reference!r} names no file of tokens", hint=_HINT)
    return Path(place).expanduser()


def read_tokens(path: Path) -> TokenList:
    """The tokens of a file.

    Raises:
        NotFound: if there is no file.
        Denied: if others may write it, or it may not be read.
        Corrupt: if it holds no tokens.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file of tokens at {path}", hint=_HINT) from None
    except OSError as error:
        raise explain_os_error(error, str(path)) from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Denied(
            f"the tokens in {path} can be changed by others",
            code="token_rights",
            hint=f"chmod 600 {path}",
        )
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> TokenList:
    listed = read_wire(TokenList, data, str(path))
    if len(data) > _BYTES_MAX or listed.format != TOKENS_FORMAT:
        raise InvalidInput(f"{path} is no file of tokens of this version", hint=_HINT)
    TokenCheck(listed)  # its times can be read
    return listed


def change_tokens(path: Path, change: Callable[[TokenList], TokenList]) -> TokenList:
    """Change a file of tokens; whoever else changes it waits. A file that is not there is made.

    Raises:
        Denied, Corrupt: as `read_tokens` does.
        OpenDataError: what `change` raises; then nothing is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive_lock(f"{path}.lock", "the tokens"):
        try:
            listed = read_tokens(path)
        except NotFound:
            listed = TokenList()
        changed = change(listed)
        with _staged(path) as file:
            file.write(changed.to_bytes() + b"\n")
    return changed


@contextlib.contextmanager
def _staged(path: Path) -> Iterator[_Staged]:
    staged = f"{path}.{os.getpid()}.new"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(staged)
        raise


class _Staged(Protocol):
    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True)
class _Looked:
    """A file as it was when it was read, and what it opens (None: it could not be read)."""

    version: tuple[int, ...]
    check: TokenCheck | None


class WatchedTokens:
    """The tokens of a file, as they are now; looked at again at most once a second.

    Raises, when it is made, whatever `read_tokens` does: a service does not start without its list.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = _Looked(self._version(), TokenCheck(read_tokens(path)))
        self._due = clock() + RECHECK_SECONDS

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        """What a token opens, or None.

        Raises:
            Unavailable: while the file cannot be read: then nobody is let in.
        """
        if self._clock() >= self._due:
            self._look_again()
        check = self._looked.check
        if check is None:
            raise Unavailable("the service's tokens cannot be read now", code="tokens_unreadable")
        return check.grant_of(token, now)

    def _look_again(self) -> None:
        version = self._version()
        if version != self._looked.version or self._looked.check is None:
            self._looked = _Looked(version, self._read())
        self._due = self._clock() + RECHECK_SECONDS

    def _read(self) -> TokenCheck | None:
        try:
            return TokenCheck(read_tokens(self._path))
        except OpenDataError:
            return None

    def _version(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)
