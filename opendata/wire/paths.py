"""Which relative paths a file of a channel may have: one rule, for writing and for reading.

A path that passes can be joined to any folder, bucket or URL and stays below it, looks on a
terminal as it is, and lies beside every other one on every file system: also where upper and lower
case are one, or where `é` has one spelling. Only the grammar belongs here (requirement S0-45).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from opendata.wire.errors import InvalidInput

PATH_MAX_BYTES: Final = 1024
"""An object's key has at most so many."""
FILE_AND_FOLDER: Final = "one is a file where the other needs a folder"
NAME_MAX_BYTES: Final = 255
"""A name in a folder has at most so many."""
_PLAIN: Final = re.compile(r"\w[\w.\-=]*+(?:/\w[\w.\-=]*+)*+", re.ASCII)
_PLAIN_LINES: Final = re.compile(rf"{_PLAIN.pattern}(?:\n{_PLAIN.pattern})*+", re.ASCII)
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Beside control characters: what breaks lines or turns the direction of text, so that a path could
# show as another one.
_REFUSED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def path_fault(path: str) -> str | None:
    """Why `path` may not be a file's relative path, or None where it may."""
    if len(path) <= NAME_MAX_BYTES and _PLAIN.fullmatch(path):
        return None  # nearly all there are
    if not path:
        return "it is empty"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "it is no valid text"
    if size > PATH_MAX_BYTES:
        return f"it is longer than {PATH_MAX_BYTES} bytes"
    if refused := _REFUSED.search(path):
        return f"it holds the control character U+{ord(refused[0]):04X}"
    if "\\" in path:
        return "it holds a backslash"
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute"
    return _fault_of_names(path.split("/"))


def _fault_of_names(names: Sequence[str]) -> str | None:
    for name in names:
        if name in ("", ".", ".."):
            return f"one of its names is {name!r}"
        if len(name.encode()) > NAME_MAX_BYTES:
            return f"one of its names is longer than {NAME_MAX_BYTES} bytes"
    return None


def check_path(path: str) -> str:
    """The path, if a file of a channel may have it.

    Raises:
        InvalidInput: code `unsafe_path`, with the rule that it breaks.
    """
    if fault := path_fault(path):
        raise InvalidInput(
            f"{path!r} cannot be the path of a file: {fault}",
            code="unsafe_path",
            hint="rename the file, or move it out of the channel's place",
            details={"paths": [path]},
        )
    return path


def check_paths(paths: Sequence[str]) -> None:
    """Check each of the paths, and that no two of them are one file somewhere.

    Raises:
        InvalidInput: code `unsafe_path`, naming the path, or both.
    """
    if _are_plain(paths):
        return  # nearly always, and forty times as fast as looking at each
    for path in paths:
        if path_fault(path):
            check_path(path)
    if twins := find_twins(paths):
        raise unsafe_pair(*twins)


def unsafe_pair(one: str, other: str, why: str) -> InvalidInput:
    """What is said of two paths that would be one file somewhere."""
    return InvalidInput(
        f"{one!r} and {other!r} cannot lie beside each other everywhere: {why}",
        code="unsafe_path",
        hint="rename one of them, or move it out of the channel's place",
        details={"paths": [one, other]},
    )


def _are_plain(paths: Sequence[str]) -> bool:
    """Whether all paths are plain and none can be taken for another; False is no verdict."""
    together = "\n".join(paths)
    if not _PLAIN_LINES.fullmatch(together) or max(map(len, paths)) > NAME_MAX_BYTES:
        return False
    folded = set(together.lower().split("\n"))
    folders = {path.rpartition("/")[0] for path in folded}
    while folders and folders.isdisjoint(folded):
        folders = {folder.rpartition("/")[0] for folder in folders} - {""}
    return len(folded) == len(paths) and not folders


def find_twins(paths: Iterable[str]) -> tuple[str, str, str] | None:
    """Two paths that would be one on some file system, and why; None where there are none.

    That is so for paths that differ in case or in how their characters are composed, and for a
    file that would have to be a folder as well.
    """
    seen: dict[str, str] = {}
    for path in paths:
        folded = fold(path)
        if folded in seen:
            return seen[folded], path, difference(seen[folded], path)
        seen[folded] = path
    folders = {folded.rpartition("/")[0] for folded in seen}
    while folders:
        if not folders.isdisjoint(seen):
            return *_first_nested(seen), FILE_AND_FOLDER
        folders = {folder.rpartition("/")[0] for folder in folders} - {""}
    return None


def _first_nested(seen: Mapping[str, str]) -> tuple[str, str]:
    """Of the paths by their folded forms, the first that another one needs as a folder."""
    ordered = sorted((nesting_key(folded), path) for folded, path in seen.items())
    return next(
        (path, below)
        for (one, path), (other, below) in pairwise(ordered)
        if other.startswith(one + "\0")
    )


def nesting_key(folded: str) -> str:
    """What folded paths are ordered by so that a folder's files come right behind its name."""
    return folded.replace("/", "\0")


def fold(path: str) -> str:
    """What is equal for paths that some file system takes for one: by case, by composition."""
    if path.isascii():
        return path.lower()
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
    return unicodedata.normalize("NFC", folded)


def difference(one: str, other: str) -> str:
    """Why two paths are one on some file system, whose folded forms are equal."""
    if one == other:
        return "they are the same"
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return "they differ only in how their characters are composed (NFC)"
    return "they differ only in upper and lower case"
