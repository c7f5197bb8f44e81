"""One side of a comparison: a release, a table or frame, a file, or a folder of Parquet files.

Here belongs what makes a state of each of these: its contract, and its rows as Parquet files.
Parquet is read where it lies; only what is no Parquet yet is written down first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.cli.frames import as_reader
from dataplatform.cli.place import trusted_release
from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import Release
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.manifest import FileEntry

PARQUET_ENDINGS: Final = (".parquet", ".pq")
_ENDINGS: Final = (*PARQUET_ENDINGS, ".csv", ".tsv", ".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class State:
    """A contract, and rows as shards of a release or as plain files."""

    contract: Contract
    files: tuple[str, ...] = ()
    release: Release | None = None

    @property
    def shards(self) -> tuple[FileEntry, ...]:
        """The shards of the release, if it is one."""
        return self.release.manifest.files if self.release else ()


def open_state(ports: ReleasePorts, data: Any, draft: Path) -> State:
    """The state that some data is; `draft` is where rows are written that are no file yet.

    Raises:
        NotFound, InvalidInput: if there is nothing of that name, or it is no table.
        Corrupt, Denied: if it is a release that is damaged, or whose signature does not hold.
    """
    if isinstance(data, Release):
        return _of_release(data)
    if isinstance(data, str | os.PathLike):
        if isinstance(data, str) and not is_path(data):
            return _of_release(trusted_release(ports.store, data))
        if parquet := _parquet_files(Path(data).expanduser()):
            return State(infer_contract(_common_schema(parquet)), parquet)
    reader = as_reader(data)
    with pq.ParquetWriter(draft, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return State(infer_contract(reader.schema), (str(draft),))


def told_by(state: State, other: State) -> State:
    """The state with what the other side, a release, says of the columns that both have.

    A file tells names and types. What it does not tell (key, units, promises) has not changed.
    """
    if state.release is not None or other.release is None:
        return state
    known = other.contract
    own = state.contract.field_names
    told = {
        "fields": tuple(_told(field, known) for field in state.contract.fields),
        "primary_key": known.primary_key if set(known.primary_key) <= set(own) else (),
        "rules": known.rules,
        "crs": known.crs,
    }
    return replace(state, contract=state.contract.model_copy(update=told))


def _told(field: FieldSpec, known: Contract) -> FieldSpec:
    spec = known.field(field.name)
    return field if spec is None else spec.model_copy(update={"type": field.type})


def is_path(word: str) -> bool:
    """Whether a word means files here, and no reference.

    It does where there is such a file, or a folder with Parquet files in it, and where it looks
    like no reference: it begins with `.`, `/` or `~`, holds a `*`, ends in `/` or as data files do.
    """
    path = Path(word).expanduser()
    looks_so = word.startswith((".", "/", "~")) or word.endswith("/") or has_magic(word)
    return looks_so or path.is_file() or path.suffix.lower() in _ENDINGS or bool(_inside(path))


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PARQUET_ENDINGS)
    return sorted(path for path in found if path.is_file())


def _parquet_files(path: Path) -> tuple[str, ...]:
    """The Parquet files that a path means; none where it means a file of another kind."""
    if path.is_file():
        return (str(path),) if path.suffix.lower() in PARQUET_ENDINGS else ()
    if path.is_dir():
        found = _inside(path)
    elif has_magic(str(path)):
        found = [Path(one) for one in sorted(glob(str(path), recursive=True))]
    else:
        raise NotFound(f"there is no file {path}", code="missing_file")
    if not found:
        raise NotFound(f"there is no Parquet file in {path}", code="missing_file")
    return tuple(map(str, found))


def _common_schema(files: Sequence[str]) -> pa.Schema:
    """The one schema of some files, which are read as one table."""
    schemas = dict(_schemas(files))
    first, *others = schemas
    for other in others:
        if not schemas[other].equals(schemas[first]):
            raise InvalidInput(
                f"{other} has other columns than {first}, so they are no table together",
                code="mixed_schemas",
                hint="compare them one by one",
            )
    return schemas[first]


def _schemas(files: Sequence[str]) -> Iterator[tuple[str, pa.Schema]]:
    for file in files:
        try:
            yield file, pq.read_schema(file).remove_metadata()
        except pa.ArrowException as error:
            raise InvalidInput(
                f"{file} is no Parquet file: {error}", code="unreadable_file"
            ) from error


def _of_release(release: Release) -> State:
    return State(Contract.model_validate(release.manifest.contract), release=release)
