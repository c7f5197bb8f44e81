"""A published data set to read, and a cache to read it through."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import FaultyStore
from dataplatform_tests.reading.cached import DATA, KEY, date_back
from dataplatform_tests.reading.library import (
    SECTIONS,
    TABLE,
    FarSettings,
    Library,
)
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import make_bench
from opendata.reading import source
from opendata.reading.cache import Cache
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore


@pytest.fixture
def library(tmp_path: Path) -> Library:
    bench = make_bench(FolderStore(str(tmp_path / "store")), tmp_path, group_rows=30, **SECTIONS)
    bench.release(TABLE)
    return Library(bench)


@pytest.fixture
def piecewise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small objects by ranges, as large ones are."""
    monkeypatch.setattr(source, "SMALL_OBJECT_BYTES", 0)
    monkeypatch.setattr(source, "WHOLE_FROM_SHARE", 1.1)


@pytest.fixture
def remote(library: Library) -> Remote:
    return Remote(library.bench.store)


@pytest.fixture
def far(remote: Remote, tmp_path: Path) -> FarSettings:
    return FarSettings(remote, tmp_path / "downloads")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a cache is kept; not made yet."""
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> Cache:
    return Cache(str(folder))


@pytest.fixture
def origin() -> FaultyStore:
    """A store that counts its requests and holds the object."""
    store = FaultyStore(MemoryStore())
    store.put_new(KEY, DATA)
    return store


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A local file that was written a while ago."""
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    date_back(file)
    return file
