"""Telling channels and versions apart by the folders of a lake, and naming them.

Here belongs what folders mean: `image_original/v1.2.0/…` is a channel and its version. Dates and
`key=value` folders are neither. Folders beside each other are channels of their own; whoever means
one channel of several cameras names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dataplatform.channels.guess import is_part_of_time
from dataplatform.channels.ports import StoredFile
from opendata.wire.channel import NAME_MAX_CHARS, is_channel_name
from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version, parse_version

CHANNELS_MAX: Final = 20
"""More folders beside each other are parts of one channel: cameras, vehicles, sites."""
FIRST: Final = Version(1, 0, 0)
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Part:
    """The files of one channel's version; `prefix` is what their paths begin with."""

    channel: str
    version: Version
    storage_path: str
    prefix: str
    files: Sequence[StoredFile]


def divide(
    files: Sequence[StoredFile],
    storage_path: str,
    *,
    channel: str | None = None,
    version: Version | None = None,
    whole: bool = False,
) -> list[Part]:
    """The channels that folders tell apart, in order; all files are one where `channel` names it,
    or where it is `whole`, because a pattern already says what folders mean.

    Raises:
        InvalidInput: if the place's own name cannot name a channel.
    """
    base = storage_path.rstrip("/") + "/"
    own_name, own_version = _of_place(storage_path)
    divided = channel is None and own_version is None and not whole
    if divided and (named := _channel_folders(files)):
        return [
            part
            for folder, some in named.items()
            for part in _of_channel(some, base, f"{folder}/", name_of(folder), version)
        ]
    name = channel or own_name
    if not name:
        raise InvalidInput(
            f"{storage_path} gives no name for a channel", code="no_name", hint="add --channel NAME"
        )
    version = version or own_version or (FIRST if whole else None)
    return _of_channel(files, base, "", name, version)


def name_of(text: str) -> str:
    """The channel's name that comes nearest to a text; empty where none does."""
    name = _NO_NAME.sub("_", text.lower()).strip("_")[:NAME_MAX_CHARS].strip("_")
    return name if is_channel_name(name) else ""


def _of_place(storage_path: str) -> tuple[str, Version | None]:
    """The name and version that a place's own path tells: `…/image_original/v1.2.0/`."""
    path = storage_path.rpartition("://")[2]
    parts = [part for part in path.split("/") if part]
    version = _version(parts[-1]) if parts else None
    names = parts[:-1] if version else parts
    return (name_of(names[-1]) if names else "", version)


def _channel_folders(files: Sequence[StoredFile]) -> dict[str, list[StoredFile]]:
    """The files by their first folder, if those folders are channels."""
    found: dict[str, list[StoredFile]] = {}
    for file in files:
        folder, slash, _ = file.path.partition("/")
        if not slash or not name_of(folder) or _version(folder) or is_part_of_time(folder):
            return {}
        found.setdefault(folder, []).append(file)
        if len(found) > CHANNELS_MAX:
            return {}
    names = {name_of(folder) for folder in found}
    return found if len(names) == len(found) else {}


def _of_channel(
    files: Sequence[StoredFile], base: str, prefix: str, channel: str, version: Version | None
) -> list[Part]:
    """One part where the version is known or nothing tells of any, else one for each that every
    file lies in the folder of."""
    found: dict[str, list[StoredFile]] = {}
    for file in files:
        folder, slash, _ = file.path[len(prefix) :].partition("/")
        if version is not None or not slash or _version(folder) is None:
            return [Part(channel, version or FIRST, base + prefix, prefix, files)]
        found.setdefault(folder, []).append(file)
    return [
        Part(channel, told, f"{base}{prefix}{folder}/", f"{prefix}{folder}/", some)
        for folder, some in found.items()
        if (told := _version(folder)) is not None
    ]


def _version(text: str) -> Version | None:
    try:
        return parse_version(text)
    except InvalidInput:
        return None
