"""Filling a mirror with the genuine bytes that pinned Python packages carry.

Some packages ship a source's file unchanged (the ECB's zip, the airportsdata CSV, iso-codes'
JSON). Installed by hash, they answer for the source offline: same bytes, same address. Beside
them stand recordings, files named like a mirror's own. One root is one vintage: what the sources
answered at one time.

Here: reading the declaration, installing, copying, the stamp that makes it idempotent.
Not here: how an answer is named (`datasets.mirror`), how it is read (the fetching adapter).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dataplatform.datasets.mirror import mirror_path
from opendata.wire.errors import InvalidInput, NotFound, Unavailable

STAMP = ".vintage.json"  # no host begins with a dot, so it is nobody's answer


@dataclass(frozen=True)
class PackagedFile:
    """A file inside an installed package that is the answer to one address."""

    url: str
    path: str


@dataclass(frozen=True)
class Vintage:
    """What the sources answered at one time."""

    name: str
    requirements: Path
    files: tuple[PackagedFile, ...]
    recorded: tuple[Path, ...]  # folders named after a host, laid out like a mirror

    def fingerprint(self) -> str:
        """Changes when anything does that the filled mirror depends on."""
        declared = [self.requirements.read_text(), *(f"{f.url} {f.path}" for f in self.files)]
        for folder in self.recorded:
            declared += [f"{name} {digest}" for name, digest in _digests(folder.parent, folder)]
        return sha256("\n".join(declared).encode()).hexdigest()


def read_vintages(declaration: Path) -> dict[str, Vintage]:
    """The vintages that a `vintages.toml` declares, by name, in its order."""
    try:
        document = tomllib.loads(declaration.read_text())
        return {
            name: _vintage(name, declared, document["sources"], declaration.parent)
            for name, declared in document["vintages"].items()
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{declaration} does not declare vintages as expected: {error!r}",
            hint="see the comments at the head of demo/vintages.toml",
        ) from error


def _vintage(
    name: str, declared: Mapping[str, Any], sources: Mapping[str, Any], folder: Path
) -> Vintage:
    pinned = set(declared["packages"])
    unused = pinned - {source["package"] for source in sources.values()}
    if unused:
        raise InvalidInput(
            f"vintage {name} pins {', '.join(sorted(unused))}, which no source names",
            hint="compare `packages` with the `package` of each [sources.…] table",
        )
    return Vintage(
        name=name,
        requirements=folder / "vintages" / f"{name}.txt",
        files=tuple(
            PackagedFile(source["url"], source["path"])
            for source in sources.values()
            if source["package"] in pinned
        ),
        recorded=tuple(folder / "recorded" / host for host in declared.get("recorded", ())),
    )


def fill_mirror(root: Path, vintage: Vintage, *, uv: str, log: Callable[[str], None]) -> None:
    """Make `root` answer as `vintage` says; does nothing where it already does.

    The new content is built beside `root` and renamed into place, so a reader never sees half of
    it and a killed run leaves nothing behind that counts.
    """
    wanted = vintage.fingerprint()
    if _is_filled(root, wanted):
        log(f"mirror {vintage.name}: already filled")
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as scratch:
        packages, built = Path(scratch, "packages"), Path(scratch, "built")
        log(f"mirror {vintage.name}: installing {vintage.requirements.name}")
        install_wheels(vintage.requirements, packages, uv)
        for file in vintage.files:
            _copy(packages / file.path, built / mirror_path(file.url), vintage.name)
        for folder in vintage.recorded:
            shutil.copytree(folder, built / folder.name)
        stamp = {"vintage": vintage.name, "wanted": wanted, "files": dict(_digests(built, built))}
        (built / STAMP).write_text(json.dumps(stamp, indent=2) + "\n")
        _swap(built, root, retired=Path(scratch, "retired"))
    log(f"mirror {vintage.name}: {len(stamp['files'])} answers in {root}")


def install_wheels(requirements: Path, target: Path, uv: str) -> None:
    """Unpack pinned wheels into a folder, held by their hashes.

    Raises:
        NotFound: if uv is not there.
        Unavailable: if they cannot be had.
    """
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:"]  # a package is unpacked here, never built
    command += ["--python", sys.executable, "--target", str(target), "-r", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotFound(
            f"cannot start {uv!r}: {error}", hint="run `make setup`, which installs uv"
        ) from error
    if done.returncode != 0:
        raise Unavailable(
            f"installing {requirements} failed: {done.stderr.strip()}",
            hint="check the network once; later runs take the packages from uv's cache",
        )


def _copy(source: Path, target: Path, vintage: str) -> None:
    if not source.is_file():
        raise NotFound(
            f"vintage {vintage}: no installed package holds {source.name} at the declared place",
            hint="compare `path` in demo/vintages.toml with the package's files",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _swap(built: Path, root: Path, *, retired: Path) -> None:
    """Put `built` in the place of `root`; what stood there goes with the scratch folder."""
    if root.exists():
        os.replace(root, retired)
    os.replace(built, root)


def _is_filled(root: Path, wanted: str) -> bool:
    """Whether the stamp is of this declaration and every answer still has the bytes it names."""
    try:
        stamp = json.loads((root / STAMP).read_text())
        return bool(stamp["wanted"] == wanted and stamp["files"] == dict(_digests(root, root)))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _digests(base: Path, folder: Path) -> list[tuple[str, str]]:
    """The files below `folder`, named from `base`, with their sha256; the stamp does not count."""
    return [
        (path.relative_to(base).as_posix(), sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != STAMP
    ]
