"""The download cache: right or absent, never stale, never half."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import FaultyStore
from dataplatform_tests.reading.cached import DATA, DIGEST, KEY, blob_of, everything_in
from opendata.reading.cache import Cache
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Corrupt, InvalidInput, NotFound

pytestmark = pytest.mark.requirement("B14")


@pytest.mark.requirement("S0-89")
def test_an_object_is_downloaded_once(cache: Cache, origin: FaultyStore) -> None:
    first = cache.fetch(origin, KEY, DIGEST, len(DATA))
    second = cache.fetch(origin, KEY, f"sha256:{DIGEST}", len(DATA))
    assert first == second == cache.get(DIGEST)
    assert Path(first).read_bytes() == DATA
    assert origin.count("stream") == 1
    assert origin.count("get*") == 0


def test_another_process_finds_it_without_a_request(folder: Path, origin: FaultyStore) -> None:
    Cache(str(folder)).fetch(origin, KEY, DIGEST, len(DATA))
    assert Cache(str(folder)).get(DIGEST) == str(blob_of(folder))


def test_nothing_is_kept_twice_and_no_part_is_left(
    cache: Cache, folder: Path, origin: FaultyStore
) -> None:
    cache.fetch(origin, KEY, DIGEST, len(DATA))
    assert [name for name in everything_in(folder) if not name.startswith("verified")] == [
        f"blobs/{DIGEST[:2]}/{DIGEST}"
    ]


def test_an_empty_object_is_an_object(cache: Cache) -> None:
    store, digest = MemoryStore(), hashlib.sha256(b"").hexdigest()
    store.put("empty", b"")
    assert Path(cache.fetch(store, "empty", digest, 0)).read_bytes() == b""


def test_kept_objects_are_read_only(cache: Cache, origin: FaultyStore) -> None:
    path = Path(cache.fetch(origin, KEY, DIGEST, len(DATA)))
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("stored", "complaint"),
    [
        (DATA[:-1] + b"!", "its sha256 is"),
        (DATA[:-1], f"it has {len(DATA) - 1} bytes, expected {len(DATA)}"),
        (DATA + b"!", f"more than {len(DATA)} bytes"),
    ],
)
def test_wrong_bytes_are_refused_by_key_and_not_kept(
    cache: Cache, folder: Path, stored: bytes, complaint: str
) -> None:
    store = MemoryStore()
    store.put(KEY, stored)
    with pytest.raises(Corrupt, match=complaint) as caught:
        cache.fetch(store, KEY, DIGEST, len(DATA))
    assert KEY in caught.value.message
    assert everything_in(folder) == []


def test_a_missing_object_is_missing(cache: Cache, folder: Path) -> None:
    with pytest.raises(NotFound):
        cache.fetch(MemoryStore(), KEY, DIGEST, len(DATA))
    assert everything_in(folder) == []


def test_what_is_no_digest_is_refused(cache: Cache) -> None:
    for text in ("", "../../etc/passwd", DIGEST[:-1], DIGEST.upper()):
        with pytest.raises(InvalidInput):
            cache.get(text)


@pytest.mark.parametrize("damage", [DATA[:-1] + b"!", DATA[:100], b""])
def test_a_damaged_entry_is_dropped_and_fetched_again(
    cache: Cache, folder: Path, origin: FaultyStore, damage: bytes
) -> None:
    path = Path(cache.fetch(origin, KEY, DIGEST, len(DATA)))
    path.chmod(0o644)
    path.write_bytes(damage)
    assert Cache(str(folder)).get(DIGEST) is None
    assert Path(cache.fetch(origin, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert origin.count("stream") == 2


def test_an_untouched_entry_is_not_hashed_again(
    cache: Cache, folder: Path, origin: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.fetch(origin, KEY, DIGEST, len(DATA))
    monkeypatch.setattr(hashlib, "file_digest", _never)
    assert cache.get(DIGEST) == path
    assert Cache(str(folder)).get(DIGEST) == path


def test_without_its_record_an_entry_is_hashed_and_believed_again(
    cache: Cache, folder: Path, origin: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.fetch(origin, KEY, DIGEST, len(DATA))
    shutil.rmtree(folder / "verified")
    assert Cache(str(folder)).get(DIGEST) == path
    monkeypatch.setattr(hashlib, "file_digest", _never)
    assert Cache(str(folder)).get(DIGEST) == path


def _never(*_: object) -> None:
    raise AssertionError("it was hashed again")


def test_bytes_can_be_put_as_they_come(cache: Cache) -> None:
    path = cache.put_stream(DIGEST, iter([DATA[:10], b"", DATA[10:]]), len(DATA))
    assert cache.get(DIGEST) == path
    assert Path(path).read_bytes() == DATA


@pytest.mark.parametrize("chunks", [[DATA[:-1] + b"!"], [DATA[:-1]], [DATA, b"!"], []])
def test_putting_wrong_bytes_names_the_key_and_keeps_nothing(
    cache: Cache, folder: Path, chunks: list[bytes]
) -> None:
    with pytest.raises(Corrupt, match=KEY):
        cache.put_stream(DIGEST, chunks, len(DATA), key=KEY)
    assert everything_in(folder) == []
