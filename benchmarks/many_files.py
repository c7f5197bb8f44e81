"""Indexing more files than go into memory: the first time, unchanged, and a tenth of them changed.

The place is a listing of four million files that are nowhere, and the engine tells digests without
reading: what is measured is what the platform itself does, and how much memory it takes. Files come
in no order, ten thousand to a folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from benchmarks.cases import PEAK_BYTES, Action, Case, Goal

if TYPE_CHECKING:
    from dataplatform.channels.build import IndexedChannel
    from dataplatform.channels.ports import ChannelFiles, DescribeTask, Outcome, StoredFile

FILES: Final = 4_000_000
FILES_PER_HOUR: Final = 10_000
FILE_BYTES: Final = 50_000
CHANGED_SHARE: Final = 10
PEAK_MAX_BYTES: Final = 1.5e9


class _Place:
    """Lists files by their numbers; of those that changed, every tenth is of another version."""

    url = "synthetic://place/"

    def __init__(self, count: int, *, has_changed: bool = False) -> None:
        self._hours = max(count // FILES_PER_HOUR, 1)
        self._has_changed = has_changed

    def pieces(self) -> Iterator[Sequence[StoredFile]]:
        """An hour at a time, the last one first."""
        from dataplatform.channels.ports import StoredFile

        for hour in reversed(range(self._hours)):
            days, at = divmod(hour, 24)
            folder = f"2025/{1 + days // 28:02d}/{1 + days % 28:02d}/{at:02d}"
            yield [
                StoredFile(
                    f"{folder}/img_{number:06d}.jpg", FILE_BYTES, self._version(hour, number)
                )
                for number in range(FILES_PER_HOUR)
            ]

    def _version(self, hour: int, number: int) -> str:
        later = self._has_changed and number % CHANGED_SHARE == 0
        return f"{1_750_000_000_000_000_000 + hour:x}-{number + later * FILES_PER_HOUR:x}"


class _Engine:
    """Tells for a digest that of the path."""

    name = "local"

    def describe(
        self, task: DescribeTask, files: Sequence[StoredFile]
    ) -> Iterator[Sequence[Outcome]]:
        """Outcomes in batches as the local engine has them."""
        from dataplatform.adapters.indexing.local import CHUNK_FILES
        from dataplatform.channels.describe import Describer
        from dataplatform.channels.spec import ChannelSpec

        describer = Describer(ChannelSpec.model_validate(dict(task.spec)))
        for start in range(0, len(files), CHUNK_FILES):
            yield [
                describer.describe(file, b"", None, hashlib.sha256(file.path.encode()).hexdigest())
                for file in files[start : start + CHUNK_FILES]
            ]


def _index(folder: Path, store: Path, place: _Place, *, in_memory: bool = False) -> IndexedChannel:
    from dataplatform.bundle_wiring import channel_ports
    from dataplatform.channels.build import index_channel
    from dataplatform.channels.spec import ChannelSpec
    from dataplatform.settings import read_settings
    from opendata.stores import open_store

    settings = read_settings({**os.environ, "OPENDATA_STORAGE": str(store)}, folder)
    ports = channel_ports(settings, open_store(settings.store_url, environ=settings.environ))
    ports = dataclasses.replace(
        ports,
        open_files=lambda storage_path: cast("ChannelFiles", place),
        engines={"local": _Engine()},
        scratch=None if in_memory else ports.scratch,
    )
    spec = ChannelSpec.model_validate(
        {"channel": "images", "version": "1.0.0", "storage_path": place.url, "engine": "local"}
    )
    return index_channel(ports, spec)


def _prepare(folder: Path, scale: float) -> None:
    count = round(FILES * scale)
    (folder / "count").write_text(str(count), encoding="ascii")
    _index(folder, _emptied(folder / "prepared"), _Place(count))


def _place(folder: Path, *, has_changed: bool = False) -> _Place:
    count = int((folder / "count").read_text(encoding="ascii"))
    return _Place(count, has_changed=has_changed)


def _emptied(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    return path


def _first(folder: Path) -> Action:
    store = _emptied(folder / "first")
    return lambda: _figures(_index(folder, store, _place(folder)))


def _first_in_memory(folder: Path) -> Action:
    store = _emptied(folder / "first")
    return lambda: _figures(_index(folder, store, _place(folder), in_memory=True))


def _unchanged(folder: Path) -> Action:
    return lambda: _figures(_index(folder, folder / "prepared", _place(folder)))


def _changed(folder: Path) -> Action:
    store = _emptied(folder / "changed")
    shutil.copytree(folder / "prepared", store)
    return lambda: _figures(_index(folder, store, _place(folder, has_changed=True)))


def _figures(done: IndexedChannel) -> Mapping[str, float]:
    return {"files": done.index.total_files, "described": done.described}


CASES = (
    Case(
        name="index-many",
        title="Indexing a channel of four million files whose bytes cost nothing, in process",
        prepare=_prepare,
        contenders={
            "first": _first,
            "unchanged": _unchanged,
            "a tenth changed": _changed,
            "first, held in memory": _first_in_memory,
        },
        goals=tuple(
            Goal(f"{name}: peak memory, bytes", PEAK_BYTES, name, at_most=PEAK_MAX_BYTES)
            for name in ("first", "unchanged", "a tenth changed")
        ),
        versions=("pyarrow",),
        notes="What is held in memory is what a channel of few files is indexed by: it is faster, "
        "and its memory grows with the files.",
    ),
)
