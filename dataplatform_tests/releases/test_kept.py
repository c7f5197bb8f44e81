"""What is kept of a run, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dataplatform.contracts.model import KeepSources
from dataplatform.datasets.producer import Producer
from dataplatform.datasets.producing import FetchedFile, FetchedSource
from dataplatform.releases.kept import AUTO_BYTES, Keeper, kept_by
from dataplatform_tests.releases.building import definition
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.digest import digest_of, prefixed

pytestmark = pytest.mark.requirement("S4-9")
CODE = (b"def produce(context): ...", b"id: tests/rates")


def keeper(store: MemoryStore, said: list[str], **sections: Any) -> Keeper:
    producer = Producer(definition(**sections), "", "main.py", "", "", None, files=CODE)
    return Keeper(store, producer, lambda level, line: said.append(line))


def fetched(folder: Path, name: str, data: bytes, size_bytes: int | None = None) -> FetchedFile:
    path = folder / name
    path.write_bytes(data)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    size = len(data) if size_bytes is None else size_bytes
    source = FetchedSource(f"https://x.org/{name}", prefixed(digest_of(data)), size, now, False)
    return FetchedFile(source, str(path))


def test_the_same_bytes_are_one_object_and_the_producer_s_files_stand_beside(
    tmp_path: Path,
) -> None:
    store, said = MemoryStore(), list[str]()
    keeping = keeper(store, said)
    keeping.keep_sources([fetched(tmp_path, name, b"1,2\n") for name in ("a.csv", "b.csv")])
    expected = {keys.object_key(digest_of(data)) for data in (b"1,2\n", *CODE)}
    assert set(kept_by(keeping, None)) == expected
    assert {stat.key for stat in store.list("")} == expected
    assert said == []


@pytest.mark.parametrize(
    ("policy", "secrets", "size_bytes", "reason"),
    [
        (None, [], AUTO_BYTES, None),
        (None, [], AUTO_BYTES + 1, "33.6 MB"),
        (None, ["TOKEN"], 1, "came with a secret"),
        (KeepSources.AUTO, [], AUTO_BYTES + 1, "33.6 MB"),
        (KeepSources.ALWAYS, ["TOKEN"], AUTO_BYTES + 1, None),
        (KeepSources.NEVER, [], 1, "keep_sources is never"),
    ],
)
def test_whether_fetched_bytes_are_kept(
    tmp_path: Path,
    policy: KeepSources | None,
    secrets: list[str],
    size_bytes: int,
    reason: str | None,
) -> None:
    store, said = MemoryStore(), list[str]()
    release = {"keep_sources": policy} if policy else {}
    keeping = keeper(store, said, release=release, secrets=secrets)
    keeping.keep_sources([fetched(tmp_path, "a.csv", b"1", size_bytes)])
    assert (keys.object_key(digest_of(b"1")) in keeping.stored()) == (reason is None)
    assert all(reason is not None and reason in line for line in said)
    assert len(said) == (reason is not None)
