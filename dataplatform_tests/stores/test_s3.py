"""S3 against a real server that checks signatures and conditional writes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import ObjectStore, open_store
from opendata.wire.errors import Denied, NotFound, OpenDataError, Unavailable

pytestmark = [pytest.mark.real, pytest.mark.requirement("S1-7")]


@pytest.fixture
def address(seaweed_bucket: str) -> str:
    """A prefix of the shared bucket that no other test uses."""
    return f"{seaweed_bucket}/{uuid.uuid4().hex}"


class TestS3Store(StoreConformance):
    """The whole port."""

    # A conditional write under contention waits seconds on this server; the outcome is the point.
    race_threads = 8
    race_rounds = 5
    counter_threads = 4
    counter_increments = 5

    @pytest.fixture
    def store(self, seaweed: SeaweedServer, address: str) -> ObjectStore:
        return open_store(address, environ=seaweed.environ())


def test_two_prefixes_of_a_bucket_share_nothing(seaweed: SeaweedServer, address: str) -> None:
    one = open_store(f"{address}/one", environ=seaweed.environ())
    other = open_store(f"{address}/other/", environ=seaweed.environ())
    one.put("k", b"1")
    assert other.stat("k") is None
    assert [found.key for found in one.list("")] == ["k"]
    assert other.url == f"{address}/other"


def test_an_abandoned_prefix_is_an_empty_store(seaweed: SeaweedServer, address: str) -> None:
    store = open_store(address, environ=seaweed.environ())
    assert list(store.list("")) == []
    assert store.stat("latest.json") is None


# --- what goes wrong, in one sentence ------------------------------------------------


def _every_use(store: ObjectStore) -> dict[str, Callable[[], object]]:
    return {
        "get": lambda: store.get("k"),
        "ranges": lambda: store.get_ranges("k", [(0, 1)]),
        "stream": lambda: list(store.stream("k")),
        "stat": lambda: store.stat("k"),
        "list": lambda: list(store.list("")),
        "put": lambda: store.put("k", b"1"),
        "put_new": lambda: store.put_new("k", b"1"),
        "put_if_match": lambda: store.put_if_match("k", b"1", '"etag"'),
        "delete": lambda: store.delete("k"),
    }


USES = ["get", "ranges", "stream", "stat", "list", "put", "put_new", "put_if_match", "delete"]
WRITES = ["put", "put_new", "put_if_match", "delete"]


def _failure(store: ObjectStore, use: str) -> OpenDataError:
    with pytest.raises(OpenDataError) as caught:
        _every_use(store)[use]()
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is not None
    return caught.value


# A compare-and-set there is a lost one: the server looks at the condition first.
@pytest.mark.parametrize("use", [use for use in USES if use != "put_if_match"])
def test_a_missing_bucket_is_named(seaweed: SeaweedServer, use: str) -> None:
    store = open_store("s3://no-such-bucket/prefix", environ=seaweed.environ())
    error = _failure(store, use)
    assert isinstance(error, NotFound)
    assert "there is no bucket 'no-such-bucket'" in error.message
    assert seaweed.endpoint in error.message


@pytest.mark.parametrize("use", USES)
def test_a_wrong_secret_is_called_so(seaweed: SeaweedServer, address: str, use: str) -> None:
    store = open_store(address, environ=seaweed.environ(secret_key="a-wrong-secret"))
    error = _failure(store, use)
    assert isinstance(error, Denied)
    assert "does not accept the secret key" in error.message
    assert "AWS_SECRET_ACCESS_KEY" in (error.hint or "")
    assert "a-wrong-secret" not in f"{error} {error.hint} {error.details}"


@pytest.mark.parametrize("use", USES)
def test_an_unknown_key_is_called_so(seaweed: SeaweedServer, address: str, use: str) -> None:
    store = open_store(address, environ=seaweed.environ(access_key="nobody-knows-me"))
    error = _failure(store, use)
    assert isinstance(error, Denied)
    assert "does not know these credentials" in error.message


@pytest.mark.parametrize("use", USES)
def test_credentials_without_any_right_are_denied(
    seaweed: SeaweedServer, address: str, use: str
) -> None:
    environ = seaweed.environ(
        access_key=seaweed.nobody_access_key, secret_key=seaweed.nobody_secret_key
    )
    error = _failure(open_store(address, environ=environ), use)
    assert isinstance(error, Denied)
    assert "do not carry the right" in error.message


def test_reading_credentials_read_and_do_not_write(seaweed: SeaweedServer, address: str) -> None:
    open_store(address, environ=seaweed.environ()).put("k", b"1")
    environ = seaweed.environ(access_key=seaweed.ro_access_key, secret_key=seaweed.ro_secret_key)
    reader = open_store(address, environ=environ)
    assert reader.get("k").data == b"1"
    assert [found.key for found in reader.list("")] == ["k"]
    for use in WRITES:
        error = _failure(reader, use)
        assert isinstance(error, Denied)
        assert "do not carry the right" in error.message
    assert reader.get("k").data == b"1"


def test_a_server_out_of_reach_is_unavailable() -> None:
    environ = {
        "OPENDATA_S3_ENDPOINT": f"http://127.0.0.1:{free_ports(1)[0]}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    store = open_store("s3://some-bucket", environ=environ)
    for use in ("get", "stat", "list", "put_new", "put_if_match"):
        error = _failure(store, use)
        assert isinstance(error, Unavailable)
        assert environ["OPENDATA_S3_ENDPOINT"] in error.message


def test_only_the_given_environment_counts(
    seaweed: SeaweedServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    misleading = {
        "AWS_ACCESS_KEY_ID": "another",
        "AWS_SECRET_ACCESS_KEY": "another",
        "AWS_SESSION_TOKEN": "another",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_CONDITIONAL_PUT": "disabled",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    for name, value in misleading.items():
        monkeypatch.setenv(name, value)
    store = open_store(address, environ=seaweed.environ())
    token = store.put_new("k", b"1")
    store.put_if_match("k", b"2", token)
    assert store.get("k").data == b"2"


# --- memory --------------------------------------------------------------------------

_UPLOAD = """
import os, resource, sys
from opendata.stores import LocalFile, open_store
store = open_store(sys.argv[1], environ=os.environ)
limit = 160 << 20  # of private memory; the file is larger
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
store.put_new("large", LocalFile(sys.argv[2]))
"""


def test_a_large_file_is_uploaded_in_bounded_memory(
    seaweed: SeaweedServer, address: str, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    subprocess.run(
        [sys.executable, "-c", _UPLOAD, address, str(source)],
        env={**os.environ, **seaweed.environ()},
        check=True,
    )
    store = open_store(address, environ=seaweed.environ())
    found = store.stat("large")
    assert found and found.size == 200 << 20
    with source.open("rb") as file:
        for piece in store.stream("large"):
            assert piece == file.read(len(piece))
