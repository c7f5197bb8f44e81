"""What git says of files that differ, read from its raw formats.

Here belong the parsing of `--raw -z` and `ls-tree -z`, and what counts as a difference: the bytes
of plain files. A mode that changed is none; links and submodules are no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_NONE: Final = b"0"


@dataclass(frozen=True)
class RawEntry:
    """A path with the blobs before and after; before there are several, one per parent, in a merge.

    A blob is None where there is no plain file. `old_path` is what a renamed path was called.
    """

    path: str
    before: tuple[bytes | None, ...]
    after: bytes | None
    old_path: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the file's bytes differ from those of every parent."""
        return all(blob != self.after for blob in self.before)


def read_raw(tokens: Iterator[bytes]) -> Iterator[RawEntry | str]:
    """The entries of `--raw -z`, and the commits between them as text (`--format=%H`)."""
    for token in tokens:
        token = token.removeprefix(b"\n")
        if token.startswith(b":"):
            yield _entry(token, tokens)
        elif token:
            yield token.decode("ascii")


def read_tree(tokens: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    """The plain files of `ls-tree -r -z` with their blobs."""
    for token in tokens:
        if token:
            facts, _, path = token.partition(b"\t")
            mode, _, blob = facts.split(b" ", 2)
            if (plain := _plain(mode, blob)) is not None:
                yield as_text(path), plain


def as_text(path: bytes) -> str:
    """A path as text; bytes that are no UTF-8 survive as lone surrogates."""
    return path.decode("utf-8", "surrogateescape")


def as_bytes(path: str) -> bytes:
    """What `as_text` was given."""
    return path.encode("utf-8", "surrogateescape")


def _entry(token: bytes, tokens: Iterator[bytes]) -> RawEntry:
    parents = len(token) - len(token.lstrip(b":"))
    *facts, status = token[parents:].split(b" ")
    modes, blobs = facts[: parents + 1], facts[parents + 1 :]
    plain = [_plain(mode, blob) for mode, blob in zip(modes, blobs, strict=True)]
    path = as_text(next(tokens))
    if status[:1] not in b"RC":
        return RawEntry(path, tuple(plain[:-1]), plain[-1])
    return RawEntry(as_text(next(tokens)), tuple(plain[:-1]), plain[-1], old_path=path)


def _plain(mode: bytes, blob: bytes) -> bytes | None:
    return blob if mode.startswith(b"100") and blob.strip(_NONE) else None
