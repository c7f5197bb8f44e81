"""Functions of installed packages that read a file's metadata, named by a channel's spec.

A spec comes out of a git repository that many may write to, so it may choose among the functions
that whoever installed the packages declared, and name no other: a package declares its readers as
entry points of the group `opendata.metadata_readers`.

::

    [project.entry-points."opendata.metadata_readers"]
    lidar = "lidar_tools.headers:read"

    def read(path: str, head: bytes) -> dict:       # the first 64 KiB; `timestamp` is the time
        return {"timestamp": "2025-06-01T12:00:00Z", "points": 120_000}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from dataplatform.channels.ports import Reading, StoredFile
from dataplatform.channels.told import plain_metadata, read_time
from opendata.wire.errors import InvalidInput, OpenDataError

GROUP: Final = "opendata.metadata_readers"
TIME_KEY: Final = "timestamp"
Reader = Callable[[str, bytes, tzinfo], Reading]


class PluginReader:
    """A declared function as a reader of metadata. A time without an offset is one of `zone`.

    Raises:
        InvalidInput: as `load_reader` does.
    """

    head_bytes: int = 1 << 16

    def __init__(self, name: str, zone: tzinfo = UTC) -> None:
        self._read, self._zone = load_reader(name), zone

    def read(self, file: StoredFile, head: bytes, sidecar: bytes | None) -> Reading:
        """What the function says of a file."""
        return self._read(file.path, head, self._zone)


@cache
def load_reader(name: str) -> Reader:
    """The reader that `module:function` names, or the entry point of that name.

    Whatever the function raises comes out as InvalidInput, code `reader_failed`, naming it and the
    file.

    Raises:
        InvalidInput: code `unknown_reader`, if no installed package declares it or it cannot be
            imported.
    """
    declared = entry_points(group=GROUP)
    found = next((one for one in declared if name in (one.value, one.name)), None)
    if found is None:
        raise _unknown(name, sorted({one.value for one in declared}))
    read = _import(found)

    def ask(path: str, head: bytes, zone: tzinfo = UTC) -> Reading:
        try:
            answer = read(path, head)
            return _told(answer, zone)
        except OpenDataError as error:
            raise _failed(name, path, error.message) from error
        except Exception as error:  # somebody else's function may raise anything
            raise _failed(name, path, f"{type(error).__name__}: {error}") from error

    return ask


def _import(entry: EntryPoint) -> Callable[[str, bytes], Any]:
    try:
        function: Callable[[str, bytes], Any] = entry.load()
    except Exception as error:  # importing a module runs whatever stands in it
        raise InvalidInput(
            f"the reader {entry.value} cannot be imported: {type(error).__name__}: {error}",
            code="unknown_reader",
            hint=f"repair the package that declares it under {GROUP}",
        ) from error
    if not callable(function):
        raise InvalidInput(f"{entry.value} is no function", code="unknown_reader")
    return function


def _told(answer: Any, zone: tzinfo) -> Reading:
    if answer is None:
        return Reading()
    if not isinstance(answer, Mapping):
        raise InvalidInput(f"it returned {type(answer).__name__}; a mapping or None is expected")
    metadata = dict(answer)
    return Reading(read_time(metadata.pop(TIME_KEY, None), zone), plain_metadata(metadata))


def _unknown(name: str, declared: list[str]) -> InvalidInput:
    known = f"; declared are {', '.join(declared)}" if declared else "; none is declared"
    return InvalidInput(
        f"no installed package declares the metadata reader {name!r}{known}",
        code="unknown_reader",
        hint=f'declare it in its package: [project.entry-points."{GROUP}"] my_reader = "{name}"',
        details={"reader": name, "declared": declared},
    )


def _failed(name: str, path: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the reader {name} failed on {path}: {why}",
        code="reader_failed",
        details={"reader": name, "path": path},
    )
