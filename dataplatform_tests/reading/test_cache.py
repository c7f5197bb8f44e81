"""The download cache: right or absent, never stale, never half, never in the way."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import Fault, FaultyStore, SimulatedCrash
from dataplatform_tests.stores.small_disk import in_a_small_disk
from opendata.reading.cache import Cache, open_cache
from opendata.reading.verified import CHECKS_MAX, Check
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, Unavailable

pytestmark = pytest.mark.requirement("B14")

DATA = bytes(range(256)) * 4_000
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY = f"objects/sha256/{DIGEST[:2]}/{DIGEST}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> Cache:
    return Cache(str(folder))


@pytest.fixture
def remote() -> FaultyStore:
    """A store that counts its requests and holds the object."""
    store = FaultyStore(MemoryStore())
    store.put_new(KEY, DATA)
    return store


def blob_of(folder: Path) -> Path:
    return folder / "blobs" / DIGEST[:2] / DIGEST


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- fetching ------------------------------------------------------------------------


@pytest.mark.requirement("S0-89")
def test_an_object_is_downloaded_once(cache: Cache, remote: FaultyStore) -> None:
    first = cache.fetch(remote, KEY, DIGEST, len(DATA))
    second = cache.fetch(remote, KEY, f"sha256:{DIGEST}", len(DATA))
    assert first == second == cache.get(DIGEST)
    assert Path(first).read_bytes() == DATA
    assert remote.count("stream") == 1
    assert remote.count("get*") == 0


def test_another_process_finds_it_without_a_request(folder: Path, remote: FaultyStore) -> None:
    Cache(str(folder)).fetch(remote, KEY, DIGEST, len(DATA))
    assert Cache(str(folder)).get(DIGEST) == str(blob_of(folder))


def test_nothing_is_kept_twice_and_no_part_is_left(
    cache: Cache, folder: Path, remote: FaultyStore
) -> None:
    cache.fetch(remote, KEY, DIGEST, len(DATA))
    assert [name for name in everything_in(folder) if not name.startswith("verified")] == [
        f"blobs/{DIGEST[:2]}/{DIGEST}"
    ]


def test_an_empty_object_is_an_object(cache: Cache) -> None:
    store, digest = MemoryStore(), hashlib.sha256(b"").hexdigest()
    store.put("empty", b"")
    assert Path(cache.fetch(store, "empty", digest, 0)).read_bytes() == b""


def test_kept_objects_are_read_only(cache: Cache, remote: FaultyStore) -> None:
    path = Path(cache.fetch(remote, KEY, DIGEST, len(DATA)))
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


# --- damage --------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [DATA[:-1] + b"!", DATA[:100], b""])
def test_a_damaged_entry_is_dropped_and_fetched_again(
    cache: Cache, folder: Path, remote: FaultyStore, damage: bytes
) -> None:
    path = Path(cache.fetch(remote, KEY, DIGEST, len(DATA)))
    path.chmod(0o644)
    path.write_bytes(damage)
    assert Cache(str(folder)).get(DIGEST) is None
    assert Path(cache.fetch(remote, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert remote.count("stream") == 2


def test_an_untouched_entry_is_not_hashed_again(
    cache: Cache, folder: Path, remote: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.fetch(remote, KEY, DIGEST, len(DATA))
    monkeypatch.setattr(hashlib, "file_digest", _never)
    assert cache.get(DIGEST) == path
    assert Cache(str(folder)).get(DIGEST) == path


def test_without_its_record_an_entry_is_hashed_and_believed_again(
    cache: Cache, folder: Path, remote: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.fetch(remote, KEY, DIGEST, len(DATA))
    shutil.rmtree(folder / "verified")
    assert Cache(str(folder)).get(DIGEST) == path
    monkeypatch.setattr(hashlib, "file_digest", _never)
    assert Cache(str(folder)).get(DIGEST) == path


def _never(*_: object) -> None:
    raise AssertionError("it was hashed again")


# --- interruptions -------------------------------------------------------------------


def test_a_broken_connection_is_resumed_where_it_broke(cache: Cache) -> None:
    data = os.urandom(20 << 20)
    digest = hashlib.sha256(data).hexdigest()
    store = FaultyStore(MemoryStore(), [Fault("stream_piece", skip=1)])
    store.put("k", data)
    path = cache.fetch(store, "k", digest, len(data))
    assert Path(path).read_bytes() == data
    assert (store.count("stream"), store.count("get_ranges")) == (1, 1)


def test_a_store_that_stays_away_leaves_the_part_for_later(cache: Cache, folder: Path) -> None:
    data = os.urandom(20 << 20)
    digest = hashlib.sha256(data).hexdigest()
    outage = [Fault("stream_piece", skip=1), Fault("get_ranges", times=100)]
    store = FaultyStore(MemoryStore(), outage)
    store.put("k", data)
    with pytest.raises(Unavailable):
        cache.fetch(store, "k", digest, len(data))
    assert (folder / "partial" / f"{digest}.part").stat().st_size == 16 << 20
    store.script.clear()
    assert Path(Cache(str(folder)).fetch(store, "k", digest, len(data))).read_bytes() == data
    assert store.count("stream") == 1, "the first part was not fetched again"


@pytest.mark.parametrize("left", [b"torn" * 100, DATA + b"too much", DATA[:-1] + b"!"])
def test_a_torn_part_is_thrown_away(
    cache: Cache, folder: Path, remote: FaultyStore, left: bytes
) -> None:
    part = folder / "partial" / f"{DIGEST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    assert Path(cache.fetch(remote, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert not part.exists()


def test_a_reader_that_dies_leaves_the_next_one_unhindered(cache: Cache, folder: Path) -> None:
    store = FaultyStore(MemoryStore(), [Fault("stream_piece", error=SimulatedCrash)])
    store.put(KEY, DATA)
    with pytest.raises(SimulatedCrash):
        cache.fetch(store, KEY, DIGEST, len(DATA))
    assert Cache(str(folder)).get(DIGEST) is None
    assert Path(Cache(str(folder)).fetch(store, KEY, DIGEST, len(DATA))).read_bytes() == DATA


class SlowReader(FolderStore):
    """A folder that hands an object out byte range by byte range, so that processes overlap."""

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        for piece in super().stream(key, 64 << 10):
            time.sleep(0.005)
            yield piece

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        (span,) = ranges
        return super().get_ranges(key, [span])


def _fetch_slowly(store: str, folder: str, go: Event) -> None:
    go.wait()
    path = Cache(folder).fetch(SlowReader(store), KEY, DIGEST, len(DATA))
    assert path == str(blob_of(Path(folder)))
    assert Path(path).read_bytes() == DATA


@pytest.mark.platform
def test_processes_that_want_the_same_object_all_get_it(folder: Path, tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).put(KEY, DATA)
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    arguments = (str(tmp_path / "store"), str(folder), go)
    workers = [context.Process(target=_fetch_slowly, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    go.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert list((folder / "partial").iterdir()) == []


@pytest.mark.platform
def test_a_killed_download_is_resumed_by_the_next_process(folder: Path, tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).put(KEY, DATA)
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    go.set()
    worker = context.Process(target=_fetch_slowly, args=(str(tmp_path / "store"), str(folder), go))
    worker.start()
    part = folder / "partial" / f"{DIGEST}.part"
    while not (part.exists() and part.stat().st_size):
        time.sleep(0.001)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    store = FaultyStore(FolderStore(str(tmp_path / "store")))
    assert Path(Cache(str(folder)).fetch(store, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert store.count("stream") == 0, "it began anew"
    assert store.count("get_ranges") == 1


# --- putting -------------------------------------------------------------------------


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


# --- what was seen, what was hashed --------------------------------------------------


def test_the_last_pointer_is_remembered(cache: Cache, folder: Path) -> None:
    name = "s3://bucket/x|datasets/ns/name/latest.json"
    assert cache.recall(name) is None
    cache.remember(name, b"generation 1")
    cache.remember(name, b"generation 2")
    assert Cache(str(folder)).recall(name) == b"generation 2"
    assert cache.recall("another") is None


@pytest.mark.parametrize("kept", [True, False])
def test_a_local_file_is_hashed_again_only_when_touched(
    folder: Path, tmp_path: Path, kept: bool
) -> None:
    cache = Cache(str(folder) if kept else None)
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    _date_back(file)
    assert cache.verified(str(file)) is None
    cache.record_verified(str(file), DIGEST)
    assert cache.verified(str(file)) == DIGEST
    assert Cache(str(folder)).verified(str(file)) == (DIGEST if kept else None)
    for touch in (_append, _rewrite_in_place, _replace):
        touch(file)
        assert cache.verified(str(file)) is None
        _date_back(file)
        cache.record_verified(str(file), DIGEST)
    file.unlink()
    assert cache.verified(str(file)) is None


ALL_OF_TWO = Check("rules", frozenset({0, 1}), frozenset({"a", "b"}))


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_is_looked_through_again_only_for_more_than_it_was(
    folder: Path, tmp_path: Path, kept: bool
) -> None:
    cache = Cache(str(folder) if kept else None)
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    _date_back(file)
    cache.record_check(str(file), ALL_OF_TWO)
    assert not cache.is_checked(str(file), ALL_OF_TWO)  # nobody knows its digest
    cache.record_verified(str(file), DIGEST)
    cache.record_check(str(file), ALL_OF_TWO)
    for one in (cache, *([Cache(str(folder))] if kept else [])):
        assert one.verified(str(file)) == DIGEST
        assert one.is_checked(str(file), ALL_OF_TWO)
        assert one.is_checked(str(file), Check("rules", frozenset({1}), frozenset({"b"})))
        assert not one.is_checked(str(file), Check("rules", frozenset({2}), frozenset({"b"})))
        assert not one.is_checked(str(file), Check("rules", frozenset({1}), frozenset({"c"})))
        assert not one.is_checked(str(file), Check("stricter", frozenset({1}), frozenset({"b"})))


def test_a_file_that_was_touched_is_looked_through_again(cache: Cache, tmp_path: Path) -> None:
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    for touch in (_append, _rewrite_in_place, _replace):
        _date_back(file)
        cache.record_verified(str(file), DIGEST)
        cache.record_check(str(file), ALL_OF_TWO)
        assert cache.is_checked(str(file), ALL_OF_TWO)
        touch(file)
        assert not cache.is_checked(str(file), ALL_OF_TWO)
        cache.record_check(str(file), ALL_OF_TWO)  # too late: these are other bytes
        assert not cache.is_checked(str(file), ALL_OF_TWO)


def test_of_many_checks_the_last_are_remembered(cache: Cache, tmp_path: Path) -> None:
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    _date_back(file)
    cache.record_verified(str(file), DIGEST)
    checks = [Check("rules", frozenset({index}), frozenset({"a"})) for index in range(20)]
    for check in checks:
        cache.record_check(str(file), check)
    assert [one for one in checks if cache.is_checked(str(file), one)] == checks[-CHECKS_MAX:]


@pytest.mark.parametrize("checks", [7, [7], [{}], [{"by": "rules", "groups": "g", "columns": []}]])
def test_checks_that_nobody_wrote_are_none(
    folder: Path, cache: Cache, tmp_path: Path, checks: object
) -> None:
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    _date_back(file)
    cache.record_verified(str(file), DIGEST)
    for record in (folder / "verified").rglob("*"):
        if record.is_file():
            record.write_text(json.dumps({**json.loads(record.read_text()), "checks": checks}))
    fresh = Cache(str(folder))
    assert fresh.verified(str(file)) == DIGEST
    assert not fresh.is_checked(str(file), ALL_OF_TWO)


def test_a_file_written_this_very_moment_is_not_trusted_yet(cache: Cache, tmp_path: Path) -> None:
    # A second write within the same tick of the file system's clock would not show.
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    later = time.time_ns() + 10_000_000_000
    os.utime(file, ns=(later, later))
    cache.record_verified(str(file), DIGEST)
    assert cache.verified(str(file)) is None


def test_a_torn_record_is_no_record(cache: Cache, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "shard.parquet"
    file.write_bytes(DATA)
    _date_back(file)
    cache.record_verified(str(file), DIGEST)
    for record in (folder / "verified").rglob("*"):
        if record.is_file():
            record.write_bytes(b'{"size": ')
    assert Cache(str(folder)).verified(str(file)) is None


def _date_back(file: Path) -> None:
    past = time.time_ns() - 10_000_000_000
    os.utime(file, ns=(past, past))


def _append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"!")


def _rewrite_in_place(file: Path) -> None:
    file.write_bytes(b"!" * file.stat().st_size)


def _replace(file: Path) -> None:
    before = file.stat()
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
    other.replace(file)


# --- no cache ------------------------------------------------------------------------


def test_off_keeps_nothing_on_disk(remote: FaultyStore, folder: Path) -> None:
    cache = open_cache({"OPENDATA_CACHE": "off"})
    assert not cache.enabled
    for _ in range(2):
        assert Path(cache.fetch(remote, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert remote.count("stream") == 2
    assert Path(cache.put_stream(DIGEST, [DATA], len(DATA))).read_bytes() == DATA
    cache.remember("name", b"1")
    assert cache.recall("name") is None
    assert cache.get(DIGEST) is None


def test_what_off_downloads_goes_with_the_process(tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).put(KEY, DATA)
    script = (
        "import sys; from opendata.reading.cache import open_cache; from opendata.stores import *;"
        "c = open_cache({'OPENDATA_CACHE': 'off'});"
        "print(c.fetch(FolderStore(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))"
    )
    arguments = [str(tmp_path / "store"), KEY, DIGEST, str(len(DATA))]
    command = [sys.executable, "-c", script, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said.endswith(DIGEST)
    assert not os.path.exists(said)


def test_the_variable_names_the_folder(
    remote: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = open_cache({"OPENDATA_CACHE": str(tmp_path / "named")})
    assert named.fetch(remote, KEY, DIGEST, len(DATA)).startswith(str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    default = open_cache({})
    assert default.fetch(remote, KEY, DIGEST, len(DATA)).startswith(str(tmp_path / "xdg/opendata"))


def test_a_folder_that_cannot_be_made_is_no_obstacle(
    remote: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING, "opendata.cache"):
        for _ in range(2):
            assert Path(cache.fetch(remote, KEY, DIGEST, len(DATA))).read_bytes() == DATA
        cache.remember("name", b"1")
        assert Path(cache.put_stream(DIGEST, [DATA], len(DATA))).read_bytes() == DATA
    assert not cache.enabled
    (warning,) = caplog.messages
    assert "cannot be written (Not a directory); going on without it" in warning
    assert "OPENDATA_CACHE" in warning


@pytest.mark.parametrize("how", ["fetch", "put_stream"])
def test_a_disk_that_fills_up_is_no_obstacle(
    remote: FaultyStore, folder: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    # A limit on file sizes refuses writes as a full disk does, here in the middle of the object;
    # the scratch folder is then given room again.
    cache = Cache(str(folder))
    room, no_limit = len(DATA) // 2, resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    pieces = [DATA[start : start + 100_000] for start in range(0, len(DATA), 100_000)]
    caplog.handler.addFilter(lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, no_limit) or True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, no_limit[1]))
    try:
        if how == "fetch":
            path = cache.fetch(remote, KEY, DIGEST, len(DATA))
        else:
            path = cache.put_stream(DIGEST, pieces, len(DATA))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, no_limit)
    assert Path(path).read_bytes() == DATA
    assert not path.startswith(str(folder))
    assert not cache.enabled
    assert [name for name in everything_in(folder) if "verified" not in name] == []


@pytest.mark.platform
def test_a_read_only_cache_still_answers(tmp_path: Path) -> None:
    said = in_a_small_disk(
        """
import hashlib, subprocess
from opendata.reading.cache import Cache
from opendata.stores.memory import MemoryStore
store, digests = MemoryStore(), {}
for key in ("kept", "new"):
    store.put(key, key.encode())
    digests[key] = hashlib.sha256(key.encode()).hexdigest()
Cache("disk/cache").fetch(store, "kept", digests["kept"], 4)
subprocess.run(["mount", "-o", "remount,ro", "disk"], check=True)
cache = Cache("disk/cache")
for key in digests:
    path = cache.fetch(store, key, digests[key], len(key))
    print(open(path).read(), "disk/cache" in path, cache.enabled)
""",
        tmp_path,
    )
    assert said.splitlines() == ["kept True True", "new False False"]
