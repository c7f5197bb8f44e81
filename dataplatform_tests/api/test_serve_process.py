"""`od serve` as a process, asked by the client of this project and by clients that misbehave."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from click.testing import CliRunner

from dataplatform_tests.api.site import CHANNEL, FILES, NAME, STREAM, VERSION
from dataplatform_tests.reading.file_index.lake import (
    JUNE,
    Row,
    locked,
    pictures,
    put_bundle,
    put_channel,
)
from dataplatform_tests.servers.api import RunningService, running_service
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata import DataIndexClient
from opendata.cli.app import od
from opendata.stores import FolderStore, open_store
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue

pytestmark = pytest.mark.real

COUNT = 20_000
SOME = 12


def publish(store: ObjectStore, channels: dict[str, tuple[list[Row], str]]) -> None:
    """A store with a bundle of these channels, each with its rows and its place."""
    store.put(keys.INDEX, Catalogue(generated_at="2025-06-20T10:30:00Z").to_bytes())
    held = [
        put_channel(store, name, rows, storage_path=place, group_rows=4096)
        for name, (rows, place) in channels.items()
    ]
    put_bundle(store, [locked(one) for one in held])


def real_files(count: int) -> dict[str, tuple[Row, bytes]]:
    """Small files with true digests, by path."""
    found = {}
    for at in range(count):
        data = f"picture {at}".encode() * (at + 1)
        name = f"img_{at:06}"
        checksum = f"sha256:{hashlib.sha256(data).hexdigest()}"
        path = f"2025/06/01/00/{name} ä+.jpg"
        found[path] = (Row(name, path, JUNE, len(data), checksum), data)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a bundle of two channels: a large one, and one whose files are there."""
    home = tmp_path_factory.mktemp("served")
    lake = home / "lake"
    files = real_files(SOME)
    for path, (_, data) in files.items():
        (lake / path).parent.mkdir(parents=True, exist_ok=True)
        (lake / path).write_bytes(data)
    store = FolderStore(str(home / ".opendata" / "store"))
    rows = [row for row, _ in files.values()]
    publish(store, {CHANNEL: (pictures(COUNT), "large/"), "small": (rows, str(lake))})
    return home


@pytest.fixture(scope="module")
def token(home: Path) -> str:
    words = ["serve", "token", "add", "tests", "--json", "--tokens", str(home / "tokens.json")]
    made = CliRunner().invoke(od, words, catch_exceptions=False)
    return str(json.loads(made.stdout)["token"])


@pytest.fixture(scope="module")
def service(home: Path, token: str) -> Iterator[RunningService]:
    with running_service(home, {"OPENDATA_API_TOKENS": f"file:{home}/tokens.json"}) as running:
        yield running


def opened(service: RunningService, path: str, token: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
    return connection.getresponse()


@pytest.mark.requirement("S0-61", "S0-62", "S0-63", "S0-64")
def test_the_documents_own_calls_are_answered(
    service: RunningService, token: str, tmp_path: Path
) -> None:
    client = DataIndexClient(base_url=service.url, token=token)
    bundle = client.get_dataset(bundle_name=NAME, bundle_version=VERSION)
    assert [one.channel for one in bundle.lock.channels] == [CHANNEL, "small"]
    files = client.list_files(
        bundle_name=NAME, bundle_version=VERSION, channel=CHANNEL,
        start_time="2025-06-01T00:00:00Z", end_time="2025-06-02T00:00:00Z",
    )  # fmt: skip
    assert len(files) == 24 * 60 + 1
    sizes = [len(batch) for batch in client.stream_data(NAME, VERSION, batch_size=1000)]
    assert sum(sizes) == COUNT + SOME and max(sizes) == 1000
    small = client.list_files(NAME, VERSION, "small")
    done = client.download(small, tmp_path)
    assert len(list(tmp_path.rglob("*.jpg"))) == SOME, done


def test_a_hundred_at_once_are_all_answered(service: RunningService, token: str) -> None:
    def ask(number: int) -> tuple[int, str]:
        query = f"channel={CHANNEL}&limit=50&start_time=2025-06-0{1 + number % 9}"
        answer = opened(service, f"{FILES}?{query}", token)
        return answer.status, json.loads(answer.read())["files"][0]["timestamp"][:10]

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    assert answers == [(200, f"2025-06-0{1 + number % 9}") for number in range(100)]


def test_who_hangs_up_ends_the_work_and_nothing_else(service: RunningService, token: str) -> None:
    host, port = urlsplit(service.url).netloc.split(":")
    asked = f"GET {STREAM} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(asked.encode())
            connection.recv(1000)
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    answer = opened(service, STREAM, token)
    table = pa.ipc.open_stream(answer.read()).read_all()
    assert table.num_rows == COUNT + SOME
    assert "Traceback" not in service.log.read_text(encoding="utf-8")


def test_a_stop_lets_answers_end_and_leaves_no_error(home: Path, tmp_path: Path) -> None:
    environ = {"OPENDATA_STORAGE": str(home / ".opendata" / "store")}
    with running_service(tmp_path, environ) as running:
        connection = http.client.HTTPConnection(urlsplit(running.url).netloc)
        connection.request("GET", STREAM)
        answer = connection.getresponse()
        begun = answer.read(1000)
        running.process.terminate()
        table = pa.ipc.open_stream(begun + answer.read()).read_all()
        connection.close()
        assert running.stop() == 0
        lines = running.log.read_text(encoding="utf-8").splitlines()
    assert table.num_rows == COUNT + SOME
    assert {json.loads(line)["status"] for line in lines if line.startswith("{")} <= {200, 499}
    assert "Traceback" not in "\n".join(lines)


def test_several_processes_answer_at_one_port(home: Path) -> None:
    with running_service(home, {}, "--workers", "2") as running:
        for _ in range(20):
            with urllib.request.urlopen(f"{running.url}/api/v1/bundles", timeout=60) as answer:
                assert json.load(answer)["bundles"][0]["name"] == NAME
        assert running.stop() == 0


@pytest.mark.requirement("S0-39")
def test_files_in_a_bucket_are_fetched_from_it_by_who_has_no_key(
    seaweed: SeaweedServer, tmp_path: Path
) -> None:
    bucket = seaweed.create_bucket(f"lake-{os.getpid()}")
    environ = {**seaweed.environ(), "OPENDATA_STORAGE": f"{bucket}/releases"}
    files = real_files(SOME)
    lake = open_store(f"{bucket}/lake", environ=environ)
    for path, (_, data) in files.items():
        lake.put(path, data)
    rows = [row for row, _ in files.values()]
    publish(open_store(f"{bucket}/releases", environ=environ), {"small": (rows, f"{bucket}/lake/")})
    with running_service(tmp_path, environ) as running:
        path = f"/api/v1/bundles/{NAME}/download?expires=600"
        with urllib.request.urlopen(f"{running.url}{path}", timeout=60) as answer:
            linked = json.load(answer)["files"]
        fetched = {}
        for one in linked:
            with urllib.request.urlopen(one["url"], timeout=60) as answer:
                fetched[one["relative_path"]] = answer.read()
        assert fetched == {path: data for path, (_, data) in files.items()}
        assert "X-Amz-Signature" in linked[0]["url"]
        # Signed for one file and for reading it: neither another file nor a change.
        other = linked[0]["url"].replace("img_000000", "img_000001")
        for method, url in (("GET", other), ("DELETE", linked[0]["url"])):
            request = urllib.request.Request(url, method=method)
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=60)
            assert error.value.code == 403
        client = DataIndexClient(base_url=running.url)
        client.download(client.list_files(NAME, VERSION), tmp_path / "fetched")
        assert len(list((tmp_path / "fetched").rglob("*.jpg"))) == SOME
        assert running.stop() == 0
