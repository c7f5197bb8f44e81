"""A cache that somebody empties while it is read: a slower read, and never a wrong complaint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading import source
from opendata.reading.cache import Cache
from opendata.reading.frames import Format, read_frame
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches
from opendata.stores import FolderStore
from opendata.wire.errors import Unavailable

pytestmark = pytest.mark.requirement("B14")
FIRST_DAY = 20_454  # 2026-01-01
SECTIONS: dict[str, Any] = {"time": "day", "release": {"shard": "month"}}
TABLE = pa.table(
    {
        "day": pa.array([FIRST_DAY + at // 5 for at in range(400)], pa.int32()).cast(pa.date32()),
        "text": pa.array([os.urandom(300).hex() for _ in range(400)]),
    }
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("emptied")
    bench = make_bench(FolderStore(str(folder / "store")), folder, group_rows=50, **SECTIONS)
    bench.release(TABLE)
    return bench


class Emptied(Cache):
    """A cache each of whose files is removed as soon as it was found, so many times."""

    def __init__(self, folder: str, times: int) -> None:
        super().__init__(folder)
        self._times = times
        self._removals: dict[str, int] = {}

    def get(self, digest: str) -> str | None:
        return self._without(super().get(digest))

    def fetch(self, *args: Any, **options: Any) -> str:
        path = super().fetch(*args, **options)
        self._without(path)
        return path

    def _without(self, path: str | None) -> str | None:
        if path and self._removals.get(path, 0) < self._times:
            self._removals[path] = self._removals.get(path, 0) + 1
            Path(path).unlink(missing_ok=True)
        return path


@pytest.mark.parametrize("format", ["arrow", "pandas"])
@pytest.mark.parametrize("is_filled", [False, True])
def test_files_that_vanish_when_they_are_found_are_fetched_again(
    bench: Bench, tmp_path: Path, format: Format, is_filled: bool
) -> None:
    folder, remote, manifest = str(tmp_path / "cache"), Remote(bench.store), bench.current.manifest
    if is_filled:
        read_frame(Access(remote, Cache(folder), ReadStats()), manifest, "arrow")
    frame = read_frame(Access(remote, Emptied(folder, times=1), ReadStats()), manifest, format)
    found = (
        frame
        if format == "arrow"
        else pa.Table.from_pandas(frame, schema=TABLE.schema).replace_schema_metadata()
    )
    assert found.equals(bench.read())


def test_files_may_vanish_while_they_are_decoded(bench: Bench, tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    access = Access(Remote(bench.store), cache, ReadStats())
    batches = read_batches(access, bench.current.manifest, batch_size=20)
    rows = [next(batches)]
    for file in (tmp_path / "cache" / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    rows += batches
    assert pa.Table.from_batches(rows).equals(bench.read())


@pytest.mark.parametrize("format", ["arrow", "pandas", "polars"])
def test_who_cannot_keep_up_says_what_happens_and_calls_no_shard_corrupt(
    bench: Bench, tmp_path: Path, format: Format
) -> None:
    cache = Emptied(str(tmp_path / "cache"), times=99)
    access = Access(Remote(bench.store), cache, ReadStats())
    with pytest.raises(Unavailable, match="was removed while it was read"):
        read_frame(access, bench.current.manifest, format)


def test_without_a_cache_a_large_shard_is_read_in_parts_and_never_held_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SMALL_OBJECT_BYTES", 0)
    monkeypatch.setattr(source, "HELD_BYTES_MAX", 1_000)
    monkeypatch.setattr("opendata.reading.table.TASK_ROWS", 50)
    manifest, remote = bench.current.manifest, Remote(bench.store)
    for format in ("arrow", "polars", "pandas"):
        access = Access(remote, Cache(None), ReadStats())
        assert len(read_frame(access, manifest, format)) == 400  # type: ignore[arg-type]
        assert access.stats.progress[0] == access.stats.progress[1]
    largest = max(length for _, _, length in remote.ranges)
    assert largest < min(entry.size_bytes for entry in manifest.files[:-1])
