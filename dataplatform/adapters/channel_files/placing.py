"""Putting a file in place below a folder: whole or not at all, and below it for certain."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from typing import Final

from opendata.wire.digest import digest_mismatch

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def place_file(root: str, path: str, pieces: Iterator[bytes], sha256: str) -> None:
    """Write a file beside its place under a hidden name, then rename it, if its bytes are right.

    Raises:
        Corrupt: if they have another digest.
        OSError: as the system says; a link on the way is refused.
    """
    folder, _, name = path.rpartition("/")
    at = _made_folder(root, folder)
    hidden = f".opendata-{secrets.token_hex(8)}"
    try:
        file = os.open(hidden, _NEW, 0o644, dir_fd=at)
        try:
            sha = hashlib.sha256()
            for piece in pieces:
                sha.update(piece)
                _write_all(file, piece)
            if sha.hexdigest() != sha256:
                raise digest_mismatch(path, sha256, sha.hexdigest())
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(hidden, name, src_dir_fd=at, dst_dir_fd=at)
        os.fsync(at)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=at)
        os.close(at)


def _made_folder(root: str, folder: str) -> int:
    """A descriptor of a folder below the root, made where it is missing, name by name."""
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in filter(None, folder.split("/")):
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=at)
                os.fsync(at)
            inner = os.open(name, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
