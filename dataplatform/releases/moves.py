"""Moves: what happened to pointers since somebody last looked.

For whoever shows releases and was not there when they were published. The catalogue tells cheaply
which data sets may have moved; what counts is then read from the pointers' own chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from opendata.reading.history import walk_history
from opendata.reading.resolve import Release, read_release
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import read_catalogue
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version

MOVES_TOLD = 20


@dataclass(frozen=True)
class Move:
    """One move of a pointer, and the release that it made current."""

    pointer: Pointer
    release: Release


def moved_datasets(
    reader: ObjectReader, seen: Mapping[str, int]
) -> Iterator[tuple[DatasetId, int]]:
    """Data sets whose generation is another one than was seen, with the one they have now.

    Raises:
        Corrupt: if the catalogue is damaged; repairing makes it anew.
    """
    try:
        data = reader.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
        catalogue = read_catalogue(data, keys.INDEX)
    except NotFound:
        return
    for entry in catalogue.datasets:
        if seen.get(entry.id) != entry.generation:
            yield parse_dataset_id(entry.id), entry.generation


def moves_since(reader: ObjectReader, dataset: DatasetId, commit_id: str | None) -> list[Move]:
    """The moves after a known commit, oldest first; without one, only the last.

    Of very many, and where the commit is not in the history, only the newest are told.

    Raises:
        Corrupt: if the history or a manifest in it is damaged.
    """
    commits = []
    for commit in islice(walk_history(reader, dataset), MOVES_TOLD if commit_id else 1):
        if commit.commit_id == commit_id:
            break
        commits.append(commit)
    return [Move(commit, _release_of(reader, dataset, commit)) for commit in reversed(commits)]


def _release_of(reader: ObjectReader, dataset: DatasetId, commit: Pointer) -> Release:
    version = parse_version(commit.release)
    return read_release(
        reader, dataset, version, expected_sha256=commit.manifest_sha256, pointer=commit
    )
