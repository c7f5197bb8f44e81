"""What is known of one file, once it was read: the part of indexing that all engines share.

Here belongs making time, metadata and id out of a path, a sidecar and what readers tell. It is
pure: who read the bytes, and where, is the engines' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from dataplatform.channels.convention import tell
from dataplatform.channels.pattern import PathPattern
from dataplatform.channels.ports import Described, MetadataReader, Outcome, StoredFile, Unread
from dataplatform.channels.spec import ChannelSpec, Pattern
from dataplatform.channels.template import Template
from opendata.wire.digest import canonical_json
from opendata.wire.errors import InvalidInput
from opendata.wire.paths import path_fault

FILE_ID_MAX_CHARS: Final = 1024
METADATA_MAX_BYTES: Final = 1 << 20
UNMATCHED: Final = "unmatched"
_NO_READERS: Final[Mapping[str, MetadataReader]] = {}
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Describer:
    """A spec that is ready to describe files.

    Args:
        spec: The channel's.
        readers: By what asks for them in the spec's pattern: `exif`, `sidecar`, `reader`.

    Raises:
        InvalidInput: if the pattern needs a reader that is not among them, or is none.
    """

    def __init__(
        self, spec: ChannelSpec, readers: Mapping[str, MetadataReader] = _NO_READERS
    ) -> None:
        self.pattern = spec.pattern
        self._paths = path_pattern(spec.pattern)
        self._ids = file_id_template(spec.pattern)
        self._sidecars = sidecar_template(spec.pattern)
        wanted = sources_of(spec.pattern)
        if lost := [name for name in wanted if name not in readers]:
            raise InvalidInput(
                f"{spec.channel} {spec.version} needs a reader of metadata that is not here: "
                f"{', '.join(lost)}",
                code="no_reader",
            )
        self._readers = {name: readers[name] for name in wanted}

    @property
    def head_bytes(self) -> int:
        """How many of a file's first bytes are needed, beside its digest."""
        return max((reader.head_bytes for reader in self._readers.values()), default=0)

    @property
    def needs_content(self) -> bool:
        """Whether anything but a file's path and digest is asked for."""
        return bool(self._readers)

    def sidecar_of(self, path: str) -> str | None:
        """The path of the sidecar that a file may have."""
        return sidecar_path(self._sidecars, self._paths, path)

    def describe(
        self, file: StoredFile, head: bytes, sidecar: bytes | None, sha256: str
    ) -> Outcome:
        """What is known of the file, or why it cannot be said."""
        try:
            return self._describe(file, head, sidecar, sha256)
        except InvalidInput as error:
            return Unread(file, error.code, error.message)

    def _describe(
        self, file: StoredFile, head: bytes, sidecar: bytes | None, sha256: str
    ) -> Described:
        if fault := path_fault(file.path):
            raise InvalidInput(f"its path is unsafe: {fault}", code="unsafe_path")
        if self._paths is None:
            told = tell(file.path)
            times, fields, own_id = {"path": told.timestamp}, {}, told.file_id
        else:
            match = self._paths.match(file.path)
            if match is None:
                raise InvalidInput("its path does not match the pattern", code=UNMATCHED)
            times, fields = {"path": match.timestamp}, dict(match.fields)
            own_id = file.path.removesuffix(self._paths.ending)
        for name, reader in self._readers.items():
            reading = reader.read(file, head, sidecar)
            times[name] = reading.timestamp
            fields.update(reading.metadata)
        timestamp = next(
            (at for name in self.pattern.timestamp if (at := times.get(name)) is not None), None
        )
        if self._ids:
            own_id = self._ids.fill(file.path, fields, timestamp)
        return Described(file, _checked_id(own_id), sha256, timestamp, metadata_text(fields))


def describe_file(
    spec: ChannelSpec,
    file: StoredFile,
    head: bytes,
    sidecar: bytes | None,
    sha256: str,
    readers: Mapping[str, MetadataReader] = _NO_READERS,
) -> Outcome:
    """What is known of one file; whoever describes many makes one `Describer`."""
    return Describer(spec, readers).describe(file, head, sidecar, sha256)


def sources_of(pattern: Pattern) -> list[str]:
    """What a pattern asks for time and metadata beside the path; of two that tell the same field
    the later one counts."""
    asked = {
        "exif": pattern.exif,
        "sidecar": pattern.sidecar is not None,
        "reader": pattern.reader is not None,
    }
    return [name for name, is_asked in asked.items() if is_asked]


@lru_cache(maxsize=64)
def path_pattern(pattern: Pattern) -> PathPattern | None:
    """The pattern of paths; None where the convention holds.

    Raises:
        PatternFault: if it is none.
    """
    return PathPattern(pattern.path, pattern.timezone) if pattern.path is not None else None


def file_id_template(pattern: Pattern) -> Template | None:
    """The template of ids, or None where paths tell them.

    Raises:
        PatternFault: if it is none, or needs what nothing tells.
    """
    if pattern.file_id is None:
        return None
    paths = path_pattern(pattern)
    others = pattern.exif or pattern.sidecar is not None or pattern.reader is not None
    return Template(pattern.file_id, paths.names if paths else (), open_ended=others)


def sidecar_template(pattern: Pattern) -> Template | None:
    """The template of sidecars' paths, or None where files have none.

    Raises:
        PatternFault: if it is none, or needs what a path does not tell.
    """
    if pattern.sidecar is None:
        return None
    paths = path_pattern(pattern)
    return Template(pattern.sidecar, paths.names if paths else ())


def sidecar_path(template: Template | None, paths: PathPattern | None, path: str) -> str | None:
    """Where a file's sidecar lies: beside it, or where the template begins with a slash, from the
    channel's place on. None where the path does not tell enough."""
    if template is None:
        return None
    fields: Mapping[str, Any] = {}
    timestamp = None
    try:
        if paths is not None:
            match = paths.match(path)
            if match is None:
                return None
            fields, timestamp = match.fields, match.timestamp
        elif template.tells_time:
            timestamp = tell(path).timestamp
        filled = template.fill(path, fields, timestamp)
    except InvalidInput:
        return None  # describing the file says why
    folder = path.rpartition("/")[0]
    if filled.startswith("/"):
        return filled[1:]
    return f"{folder}/{filled}" if folder else filled


def metadata_text(fields: Mapping[str, Any]) -> str:
    """The canonical text of metadata (S0-49).

    Raises:
        InvalidInput: for what JSON cannot hold, or too much of it.
    """
    if not fields:
        return "{}"
    if all(type(value) is str and key.isascii() for key, value in fields.items()):
        data = _encode(fields)  # the same bytes as below, at a tenth of the price
    else:
        data = canonical_json(dict(fields))
    if len(data) > METADATA_MAX_BYTES:
        raise InvalidInput(
            f"its metadata has {len(data):,} bytes; at most {METADATA_MAX_BYTES:,} are kept",
            code="large_metadata",
        )
    return data.decode()


def _checked_id(file_id: str) -> str:
    if not file_id or len(file_id) > FILE_ID_MAX_CHARS or not file_id.isprintable():
        raise InvalidInput(
            f"its id would be {file_id[:64]!r}; an id has 1 to {FILE_ID_MAX_CHARS} characters that "
            "can be printed",
            code="bad_file_id",
        )
    return file_id
