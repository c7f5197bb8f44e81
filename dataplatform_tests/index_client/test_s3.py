"""A store and files in a real bucket: read from it, and through an API that signs addresses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dataplatform_tests.index_client.pictures import IMAGES, content_of
from dataplatform_tests.index_client.serving import Faults, serving
from dataplatform_tests.reading.file_index.lake import locked, pictures, put_bundle, put_channel
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata import DataIndexClient
from opendata._index_client import links
from opendata.stores import open_store
from opendata.stores.port import ObjectStore
from opendata.wire.digest import digest_of, prefixed

pytestmark = [pytest.mark.real, pytest.mark.requirement("S0-39", "S0-89")]
COUNT = 24


@dataclass
class Bucket:
    """Where the store is, where the files lie, and what opens both."""

    url: str
    data: ObjectStore
    store: ObjectStore
    environ: dict[str, str]


@pytest.fixture(scope="module")
def bucket(seaweed: SeaweedServer, seaweed_bucket: str) -> Bucket:
    prefix = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    environ = seaweed.environ()
    store = open_store(f"{prefix}/store", environ=environ)
    data = open_store(f"{prefix}/lake", environ=environ)
    rows = []
    for row in pictures(COUNT):
        held = content_of(row.file_id)
        data.put(row.relative_path, held)
        rows.append(replace(row, size_bytes=len(held), checksum=prefixed(digest_of(held))))
    index = put_channel(store, IMAGES, rows, storage_path=f"{prefix}/lake/")
    put_bundle(store, [locked(index)], name="far")
    return Bucket(f"{prefix}/store", data, store, environ)


@pytest.fixture
def client(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[DataIndexClient]:
    for name, value in bucket.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENDATA_CACHE", str(tmp_path / "cache"))
    with DataIndexClient(bucket.url) as client:
        yield client


def test_a_bucket_is_read_without_a_server(client: DataIndexClient, tmp_path: Path) -> None:
    files = client.list_files("far", start_time="2025-06-01T00:10Z")
    assert len(files) == COUNT - 10
    done = client.download(files, tmp_path / "out")
    assert (done.fetched, done.failed) == (COUNT - 10, ())
    assert all(path.read_bytes() == content_of(path.stem) for path in done.paths)


def test_an_index_is_fetched_once(client: DataIndexClient, bucket: Bucket, tmp_path: Path) -> None:
    client.list_files("far")
    lock = client.get_dataset("far").lock
    kept = [path.name for path in (tmp_path / "cache" / "blobs").rglob("*") if path.is_file()]
    in_process = not kept  # another test of this process has it open already
    assert in_process or kept == [lock.channels[0].checksum.removeprefix("sha256:")]


def test_an_api_gives_addresses_and_no_bytes(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults()
    with serving(bucket.store, faults, bucket.environ) as url, DataIndexClient(url) as api:
        files = api.list_files("far")
        done = api.download(files, tmp_path)
        assert (done.fetched, done.failed) == (COUNT, ())
        assert all(path.read_bytes() == content_of(path.stem) for path in done.paths)
        asked = [path for path in faults.seen if "/download" in path]
        assert len(asked) == 1
        assert api.open(files[3]).read() == content_of(files[3].file_id)


def test_an_address_that_has_run_out_is_asked_for_again(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults()
    plain = links.LinkReader._ask_from

    def spoiling(self: links.LinkReader, key: str) -> None:
        plain(self, key)
        if not spoilt:
            spoilt.append(key)
            self._links = {
                name: (link.replace("X-Amz-Signature=", "X-Amz-Signature=0"), until)
                for name, (link, until) in self._links.items()
            }

    spoilt: list[str] = []
    monkeypatch.setattr(links.LinkReader, "_ask_from", spoiling)
    with serving(bucket.store, faults, bucket.environ) as url, DataIndexClient(url) as api:
        done = api.download(api.list_files("far", limit=6), tmp_path, workers=1)
    assert spoilt and (done.fetched, done.failed) == (6, ())


def test_a_file_that_is_gone_from_the_bucket_is_told(bucket: Bucket, tmp_path: Path) -> None:
    with serving(bucket.store, None, bucket.environ) as url, DataIndexClient(url) as api:
        files = api.list_files("far", limit=3)
        bucket.data.delete(files[1].relative_path)
        try:
            done = api.download(files, tmp_path)
        finally:
            bucket.data.put(files[1].relative_path, content_of(files[1].file_id))
    assert [one.error.code for one in done.failed] == ["no_object"]
    assert done.fetched == 2
