"""A listing of a channel's place: what it is told to be, and which of its files are sidecars.

Here belong the digest by which an unchanged channel is known from its listing alone, and the
digest of what describing depends on, so that a changed pattern is no unchanged channel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dataplatform.channels.describe import path_pattern, sidecar_path, sidecar_template
from dataplatform.channels.ports import StoredFile
from dataplatform.channels.spec import ChannelSpec, Pattern
from opendata.wire.digest import json_digest
from opendata.wire.paths import check_paths

DESCRIBING: Final = 1
"""Raised whenever the same file would be described otherwise, so that all are described anew."""


def describing_digest(spec: ChannelSpec) -> str:
    """The digest of everything in a spec that ids, times and metadata depend on."""
    return json_digest({"rules": DESCRIBING, "pattern": spec.pattern.model_dump(mode="json")})


def listing_digest(spec: ChannelSpec, files: Sequence[StoredFile]) -> str:
    """The digest of a listing, together with what its files are described by."""
    # Names that are no text are refused later; here they only have to differ from others.
    body = digest_lines(files).encode("utf-8", "surrogatepass")
    sha = hashlib.sha256(digest_head(spec, len(files)))
    sha.update(body)
    return sha.hexdigest()


def digest_head(spec: ChannelSpec, count: int) -> bytes:
    """What the digest of a listing of so many files begins with."""
    described_by = describing_digest(spec)
    return f"{described_by}\n{spec.storage_path}\n{spec.on_unread}\n{count}\n".encode()


def digest_lines(files: Iterable[StoredFile]) -> str:
    """The lines that stand for files in it; a line break goes between."""
    return "\n".join([f"{file.path}\0{file.size}\0{file.version}" for file in files])


@dataclass(frozen=True)
class Arrangement:
    """The files of a channel, in order of their paths, and by the path of a file its sidecar."""

    files: Sequence[StoredFile]
    sidecars: Mapping[str, StoredFile] = field(default_factory=dict)

    @property
    def sidecar_versions(self) -> dict[str, str]:
        """Size and version of each file's sidecar, by the path of the file."""
        return {path: version_text(one) for path, one in self.sidecars.items()}


def version_text(file: StoredFile) -> str:
    """Size and version of a file as one text."""
    return f"{file.size}:{file.version}"


def arrange(pattern: Pattern, listed: Sequence[StoredFile]) -> Arrangement:
    """Tell sidecars from files.

    A file is a sidecar if it is where another one's has to be, and also where it stands alone: then
    it is where its own would have to be.

    Raises:
        InvalidInput: code `unsafe_path`, for a path that no file of a channel may have.
    """
    check_paths([file.path for file in listed])
    template = sidecar_template(pattern)
    if template is None:
        return Arrangement(listed)
    paths = path_pattern(pattern)
    by_path = {file.path: file for file in listed}
    wanted = {path: sidecar_path(template, paths, path) for path in by_path}
    found = {
        path: by_path[sidecar]
        for path, sidecar in wanted.items()
        if sidecar is not None and sidecar != path and sidecar in by_path
    }
    taken = {sidecar.path for sidecar in found.values()}
    taken |= {path for path, sidecar in wanted.items() if sidecar == path}
    files = [file for file in listed if file.path not in taken]
    return Arrangement(files, {path: one for path, one in found.items() if path not in taken})
