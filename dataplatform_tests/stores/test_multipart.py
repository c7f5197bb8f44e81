"""Large files in parts, on a real S3 server: whole or not there, with the bytes that they had."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from dataplatform.releases.objects import PARQUET, put_object_at
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import ObjectStore, open_store
from opendata.stores.multipart import FROM_BYTES
from opendata.stores.port import LocalFile
from opendata.wire import keys
from opendata.wire.errors import InvalidInput

pytestmark = [pytest.mark.real, pytest.mark.requirement("S1-7")]

LARGE_BYTES = FROM_BYTES + 1_234_567
KILLS = 3
UPLOAD = """
import os, sys
from opendata.stores import open_store
from opendata.stores.port import LocalFile
store = open_store(sys.argv[1], environ=os.environ)
print("begin", flush=True)
store.put(sys.argv[2], LocalFile(sys.argv[3]))
print("end", flush=True)
"""


@pytest.fixture
def address(seaweed_bucket: str) -> str:
    return f"{seaweed_bucket}/{uuid.uuid4().hex}"


@pytest.fixture
def store(seaweed: SeaweedServer, address: str) -> ObjectStore:
    return open_store(address, environ=seaweed.environ())


@pytest.fixture
def large(tmp_path: Path) -> tuple[LocalFile, str]:
    """A file beyond the size from which parts are used, and its digest."""
    path = tmp_path / "large"
    data = random.Random(7).randbytes(LARGE_BYTES)
    path.write_bytes(data)
    return LocalFile(str(path)), hashlib.sha256(data).hexdigest()


def digest_in(store: ObjectStore, key: str) -> str:
    sha = hashlib.sha256()
    for piece in store.stream(key):
        sha.update(piece)
    return sha.hexdigest()


def test_a_large_object_arrives_whole_and_only_once(
    store: ObjectStore, large: tuple[LocalFile, str]
) -> None:
    file, digest = large
    key = keys.object_key(digest)
    put_object_at(store, key, file, LARGE_BYTES, PARQUET)
    first = store.stat(key)
    assert first is not None
    assert (first.size, digest_in(store, key)) == (LARGE_BYTES, digest)
    put_object_at(store, key, file, LARGE_BYTES, PARQUET)
    assert store.stat(key) == first  # what is whole is not written again


def test_a_damaged_large_object_is_written_anew(
    store: ObjectStore, large: tuple[LocalFile, str]
) -> None:
    file, digest = large
    key = keys.object_key(digest)
    store.put(key, b"cut short")
    put_object_at(store, key, file, LARGE_BYTES, PARQUET)
    assert digest_in(store, key) == digest


def test_an_upload_that_is_killed_leaves_no_object(
    seaweed: SeaweedServer, address: str, store: ObjectStore, large: tuple[LocalFile, str]
) -> None:
    file, _ = large
    killed = 0
    for number in range(20):
        key = f"objects/killed-{number}"
        process = subprocess.Popen(
            [sys.executable, "-c", UPLOAD, address, key, file.path],
            env={**os.environ, **seaweed.environ()},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        with process.stdout as out:
            assert out.readline() == b"begin\n"
            time.sleep(0.01 * number)
            process.kill()
            process.wait()
            ended = out.readline() == b"end\n"
        found = store.stat(key)
        assert found is not None or not ended
        assert found is None or found.size == LARGE_BYTES
        killed += found is None
        if killed == KILLS:
            break
    assert killed == KILLS


def test_a_file_beyond_ten_thousand_parts_is_refused_before_anything_is_sent(
    store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(200 << 30)  # a hole: it takes no room
    with pytest.raises(InvalidInput, match="more than an upload may have"):
        store.put("objects/huge", LocalFile(str(path)))
