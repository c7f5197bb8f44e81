"""Filling a file lake with real files that pinned Python packages carry, laid out by the hour.

Here: reading the declaration (`demo/lake/lake.toml`), installing, laying out, the sidecars that
say what is known of a file. The hours are synthetic, and each sidecar says so.
Not here: what the platform makes of the files.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from dataplatform.adapters.mirrors.wheels import install_wheels
from opendata.wire.errors import InvalidInput, NotFound

STAMP: Final = ".lake.json"
SYNTHETIC: Final = "synthetic: nobody recorded this file then"


@dataclass(frozen=True)
class LakeFile:
    """One file: where it is in the installed packages, where in the lake, and what stands beside
    it."""

    within: str
    path: str
    sidecar: str
    known: Mapping[str, str]


@dataclass(frozen=True)
class Lake:
    """What a declaration lays out."""

    requirements: Path
    files: tuple[LakeFile, ...]

    def fingerprint(self) -> str:
        """Changes when anything does that the filled lake depends on."""
        told = [self.requirements.read_text(), *(repr(file) for file in self.files)]
        return sha256("\n".join(told).encode()).hexdigest()


def read_lake(declaration: Path) -> Lake:
    """What a `lake.toml` declares.

    Raises:
        InvalidInput: if it is not of that form.
    """
    try:
        document = tomllib.loads(declaration.read_text(encoding="utf-8"))
        files = [
            file
            for channel in document["channels"].values()
            for file in _files(channel, document["packages"])
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{declaration} does not declare a lake as expected: {error!r}",
            hint="see the comments at its head",
        ) from error
    return Lake(declaration.with_name("requirements.txt"), tuple(files))


def fill_lake(root: Path, lake: Lake, *, uv: str) -> bool:
    """Lay the files out below `root`; whether there was anything to do.

    A file that is as it should be is not touched, so that nobody takes it for a changed one.

    Raises:
        NotFound: if a package does not carry a file.
        Unavailable: if the packages cannot be installed.
    """
    wanted = lake.fingerprint()
    if _is_filled(root, wanted):
        return False
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".lake.", dir=root) as scratch:
        packages = Path(scratch, "packages")
        install_wheels(lake.requirements, packages, uv)
        digests: dict[str, str] = {}
        for file in lake.files:
            for path, data in _content(packages, file):
                _write(root / path, data, Path(scratch))
                digests[path] = sha256(data).hexdigest()
    stamp = {"wanted": wanted, "files": digests}
    (root / STAMP).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    return True


def _files(channel: Mapping[str, Any], packages: Mapping[str, str]) -> Iterator[LakeFile]:
    package, hour = channel["package"], channel["first_hour"]
    source = f"{package} {packages[package]}, {channel['within']}"
    for at, file in enumerate(channel["files"]):
        when: datetime = hour.astimezone(UTC) + timedelta(hours=at)
        name = file["name"]
        folder = f"{channel['folder']}/{when:%Y/%m/%d/%H}"
        sidecar = channel["sidecar"].format(name=name, stem=name.rpartition(".")[0])
        known = {key: value for key, value in file.items() if key != "name"}
        yield LakeFile(
            within=f"{channel['within']}/{name}",
            path=f"{folder}/{name}",
            sidecar=f"{folder}/{sidecar}",
            known={**known, "source": source, "hour": SYNTHETIC},
        )


def _content(packages: Path, file: LakeFile) -> Iterator[tuple[str, bytes]]:
    source = packages / file.within
    if not source.is_file():
        raise NotFound(
            f"no installed package holds {file.within}",
            hint="compare `within` and the names in demo/lake/lake.toml with the package's files",
        )
    yield file.path, source.read_bytes()
    yield file.sidecar, (json.dumps(file.known, indent=2, ensure_ascii=False) + "\n").encode()


def _write(path: Path, data: bytes, scratch: Path) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    fresh = scratch / "fresh"
    fresh.write_bytes(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, path)


def _is_filled(root: Path, wanted: str) -> bool:
    """Whether the stamp is of this declaration and every file still has the bytes it names."""
    try:
        stamp = json.loads((root / STAMP).read_text(encoding="utf-8"))
        return bool(stamp["wanted"] == wanted) and all(
            sha256((root / path).read_bytes()).hexdigest() == digest
            for path, digest in stamp["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
