"""Where a cache is, and that it is never in the way: off, not to be made, full, read-only."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import FaultyStore
from dataplatform_tests.reading.cached import DATA, DIGEST, KEY, everything_in
from dataplatform_tests.stores.small_disk import in_a_small_disk
from opendata.reading.cache import Cache, open_cache
from opendata.stores import FolderStore

pytestmark = pytest.mark.requirement("B14")


def test_off_keeps_nothing_on_disk(origin: FaultyStore, folder: Path) -> None:
    cache = open_cache({"OPENDATA_CACHE": "off"})
    assert not cache.enabled
    for _ in range(2):
        assert Path(cache.fetch(origin, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert origin.count("stream") == 2
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
    origin: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = open_cache({"OPENDATA_CACHE": str(tmp_path / "named")})
    assert named.fetch(origin, KEY, DIGEST, len(DATA)).startswith(str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    default = open_cache({})
    assert default.fetch(origin, KEY, DIGEST, len(DATA)).startswith(str(tmp_path / "xdg/opendata"))


def test_a_folder_that_cannot_be_made_is_no_obstacle(
    origin: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING, "opendata.cache"):
        for _ in range(2):
            assert Path(cache.fetch(origin, KEY, DIGEST, len(DATA))).read_bytes() == DATA
        cache.remember("name", b"1")
        assert Path(cache.put_stream(DIGEST, [DATA], len(DATA))).read_bytes() == DATA
    assert not cache.enabled
    (warning,) = caplog.messages
    assert "cannot be written (Not a directory); going on without it" in warning
    assert "OPENDATA_CACHE" in warning


@pytest.mark.parametrize("how", ["fetch", "put_stream"])
def test_a_disk_that_fills_up_is_no_obstacle(
    origin: FaultyStore, folder: Path, how: str, caplog: pytest.LogCaptureFixture
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
            path = cache.fetch(origin, KEY, DIGEST, len(DATA))
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
