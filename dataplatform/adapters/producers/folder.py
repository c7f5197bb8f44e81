"""Finding producers: `<root>/<namespace>/<name>/{opendata.yaml, main.py, README.md}`.

Only the YAML is parsed here; `main.py` is hashed and never imported, so that one producer cannot
take the others down and loading thousands stays cheap. Whatever a folder holds (a pipe, a device, a
file nobody may read, a name that is no text), it breaks that one producer and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from dataplatform.datasets.parse import check_definition
from dataplatform.datasets.producer import BrokenProducer, Producer
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId, is_id_part

DEFINITION = "opendata.yaml"
MAIN = "main.py"
README = "README.md"
DEFINITION_MAX_BYTES = 2 << 20
README_MAX_BYTES = 8 << 20
# Stands for the folders of a namespace that may not be listed.
UNREADABLE = "unreadable"


class ProducerFolder:
    """The producers below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def scan(self) -> list[Producer | BrokenProducer]:
        """All producers in order of their folders, the broken ones as such."""
        return [self._load(folder) for folder in self._folders()]

    def some(self, datasets: Collection[DatasetId]) -> list[Producer | BrokenProducer]:
        """The producers of these data sets; all producers if one of them has no folder here."""
        folders = [self.root / each.namespace / each.name for each in sorted(datasets, key=str)]
        if not all(folder.is_dir() for folder in folders):
            return self.scan()
        return [self._load(folder) for folder in folders]

    def find(self, dataset: DatasetId) -> Producer:
        """The producer of one data set.

        Raises:
            NotFound: with did-you-mean, if there is no such folder.
            InvalidDefinition: with every finding, if it is broken.
        """
        folder = self.root / dataset.namespace / dataset.name
        if not folder.is_dir():
            known = [f"{path.parent.name}/{path.name}" for path in self._folders()]
            raise NotFound(
                f"{self.root} has no producer {dataset}",
                code="unknown_producer",
                hint=did_you_mean(str(dataset), known) or f"od init {dataset}",
            )
        found = self._load(folder)
        if isinstance(found, BrokenProducer):
            raise InvalidDefinition(found.findings)
        return found

    def _folders(self) -> Iterator[Path]:
        if not self.root.is_dir():
            return
        for namespace in _subfolders(self.root):
            try:
                yield from _subfolders(namespace)
            except OSError:
                yield namespace / UNREADABLE

    def _load(self, folder: Path) -> Producer | BrokenProducer:
        try:
            return load_producer(folder)
        except InvalidDefinition as error:
            namespace, name = (as_text(part) for part in (folder.parent.name, folder.name))
            return BrokenProducer(namespace, name, as_text(str(folder)), error.findings)


def load_producer(folder: Path) -> Producer:
    """The producer in one folder, whose id must be the folder's own `namespace/name`.

    Raises:
        InvalidDefinition: with every finding as file:line:column.
    """
    path = folder / DEFINITION
    _require_legal_names(folder, path)
    text = _read(path, DEFINITION_MAX_BYTES)
    expected = f"{folder.parent.name}/{folder.name}"
    checked = check_definition(text, shown(path), expected_id=expected)
    if checked.definition is None:
        raise InvalidDefinition(checked.errors)
    main = _read(folder / MAIN, DEFINITION_MAX_BYTES)
    return Producer(
        definition=checked.definition,
        folder=str(folder),
        main_path=shown(folder / MAIN),
        main_sha256=hashlib.sha256(main).hexdigest(),
        yaml_sha256=hashlib.sha256(text).hexdigest(),
        readme=_read_if_there(folder / README, README_MAX_BYTES),
        warnings=checked.warnings,
        placeholders=checked.placeholders,
        files=(main, text),
    )


def shown(path: Path) -> str:
    """The path as a person in the working folder would type it."""
    try:
        return as_text(str(path.resolve().relative_to(Path.cwd())))
    except (
        ValueError,
        OSError,
        RuntimeError,
    ):  # elsewhere, not to be looked at, or a loop of links
        return as_text(str(path))


def as_text(name: str) -> str:
    """A file's name as text: what no encoding can say is shown by its bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@lru_cache(maxsize=32)
def git_commit(folder: str) -> str | None:
    """The commit that the folder's files are at; None outside of git, `…-dirty` with changes."""
    command = ["git", "-C", folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # provenance without a commit is still provenance; git need not be there
    commit = answer.stdout.strip()
    return commit if re.fullmatch(r"[0-9a-f]{40}(-dirty)?", commit) else None


def _require_legal_names(folder: Path, path: Path) -> None:
    for part in (folder.parent.name, folder.name):
        if not is_id_part(part):
            message = (
                f"the folder name {as_text(part)!r} cannot be part of a data set id: "
                "use lower-case letters, digits and single hyphens"
            )
            raise InvalidDefinition([SourceFinding(shown(path), 1, 1, message)])


def _subfolders(folder: Path) -> list[Path]:
    """Folders that may hold something of ours, in order; a loop of links is none."""
    found = (path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    return sorted(path for path in found if _is_folder(path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return True  # it is there and may not be looked at, which its producer then says


def _read(path: Path, limit: int) -> bytes:
    """A plain file's bytes. A pipe or a device would never end, so nothing else is read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unusable(path, "this is no plain file")
        with open(path, "rb") as file:
            found = file.read(limit + 1)
    except FileNotFoundError as error:
        hint = f"od init {as_text(f'{path.parent.parent.name}/{path.parent.name}')} writes one"
        raise _unusable(path, "the file is missing", hint) from error
    except OSError as error:
        raise _unusable(path, f"the file cannot be read: {error.strerror}") from error
    if len(found) > limit:
        raise _unusable(path, f"the file is larger than {limit:,} bytes")
    return found


def _read_if_there(path: Path, limit: int) -> bytes | None:
    return _read(path, limit) if os.path.lexists(path) else None


def _unusable(path: Path, message: str, hint: str | None = None) -> InvalidDefinition:
    return InvalidDefinition([SourceFinding(shown(path), 1, 1, message, hint)])
