"""The service over HTTP: pages, streams and addresses, beside what is usual for each.

Pages of 1,000 files come from an index of 200,000, twenty of them in turn. Ours find the lock, ask
the index, encode, check a token and write a log line; `kept` and `ETag` are pages that were asked
for before. The peers have their rows at hand and do none of that.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import Action, Case, Contender, Goal
from benchmarks.peers import make_peers, peers_python

ROWS: Final = 200_000
PAGE: Final = 1_000
PAGES: Final = 20
GROUP_ROWS: Final = 10_240
LINKS: Final = 10_000
SIGNED: Final = "urls_per_cpu_second"
STREAM_ROWS: Final = 2_000_000
FILES: Final = "/api/v1/bundles/bench/files?version=v1.0.0"
CPU: Final = "cpu_us_per_request"
"""Of the server alone: requests per second are the client's limit as well."""


def _prepare(folder: Path, scale: float) -> None:
    """A store with a bundle of one channel, a token, and the same rows for the peers."""
    make_peers(folder)
    if not (folder / "ready").exists():
        _publish(folder, ROWS)
        (folder / "ready").touch()


def _prepare_stream(folder: Path, scale: float) -> None:
    if not (folder / "ready").exists():
        _publish(folder, int(STREAM_ROWS * scale))
        (folder / "ready").touch()


def _publish(folder: Path, rows: int) -> None:
    import pyarrow as pa

    from dataplatform.api.token_file import change_tokens
    from dataplatform.api.tokens import TokenList, add_token
    from dataplatform_tests.reading.file_index.lake import (
        JUNE,
        locked,
        pictures,
        put_bundle,
        put_channel,
        table_of,
    )
    from opendata.stores import FolderStore

    store = FolderStore(str(folder / "store"))
    found = pictures(rows, step=timedelta(seconds=1))
    channel = put_channel(store, "images", found, group_rows=GROUP_ROWS)
    put_bundle(store, [locked(channel)], name="bench", version="v1.0.0")
    table = table_of(found[: PAGE * PAGES])
    path = str(folder / "rows.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)

    def change(listed: TokenList) -> TokenList:
        changed, secret = add_token(listed, "bench", now=JUNE)
        (folder / "token").write_text(secret, encoding="utf-8")
        return changed

    change_tokens(folder / "tokens.json", change)


@contextlib.contextmanager
def _server(*command: str) -> Iterator[tuple[int, int]]:
    """A server as a process; yields its port and process id."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _ours(folder: Path, kept_bytes: int) -> contextlib.AbstractContextManager[tuple[int, int]]:
    return _server(sys.executable, "-m", "benchmarks._http_service", str(folder), str(kept_bytes))


def _service(kind: str, *, kept_bytes: int = 0, with_etag: bool = False) -> Contender:
    def contender(folder: Path) -> Action:
        from benchmarks._http_load import ask_for_a_while, request

        token = (folder / "token").read_text(encoding="utf-8")
        headers = (f"Authorization: Bearer {token}", f"Accept: {kind}")

        def action() -> dict[str, float]:
            with _ours(folder, kept_bytes) as (port, pid):
                pages = _pages(port, headers)
                if with_etag:
                    asked = [
                        request(path, *headers, f"If-None-Match: {etag}") for path, etag in pages
                    ]
                else:
                    asked = [request(path, *headers) for path, _ in pages]
                return ask_for_a_while(port, pid, asked)

        return action

    return contender


def _pages(port: int, headers: tuple[str, ...]) -> list[tuple[str, str]]:
    """The first pages, as a client turns them: address and ETag of each."""
    from urllib3 import PoolManager

    pool = PoolManager()
    sent = dict(one.split(": ", 1) for one in headers)
    path, found = f"{FILES}&limit={PAGE}", []
    for _ in range(PAGES):
        answer = pool.request("GET", f"http://127.0.0.1:{port}{path}", headers=sent)
        assert answer.status == 200, answer.data
        found.append((path, answer.headers["etag"]))
        path = f"{FILES}&limit={PAGE}&cursor={answer.headers['x-next-cursor']}"
    return found


def _fastapi(source: str) -> Contender:
    def contender(folder: Path) -> Action:
        from benchmarks._http_load import ask_for_a_while, request

        script = Path(__file__).with_name("_fastapi_pages.py")
        asked = [request(f"/files?page={number}") for number in range(PAGES)]

        def action() -> dict[str, float]:
            command = (str(peers_python(folder)), str(script), str(folder), source)
            with _server(*command) as (port, pid):
                return ask_for_a_while(port, pid, asked)

        return action

    return contender


# --- a stream ------------------------------------------------------------------------


def _stream(kind: str) -> Contender:
    def contender(folder: Path) -> Action:
        import http.client

        from benchmarks._http_load import cpu_seconds

        token = (folder / "token").read_text(encoding="utf-8")
        headers = {"Authorization": f"Bearer {token}", "Accept": kind}

        def read(port: int) -> int:
            """As a client on the same machine reads: into one buffer, over and over."""
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request(
                "GET", "/api/v1/bundles/bench/stream?channel=images", headers=headers
            )
            answer = connection.getresponse()
            assert answer.status == 200
            buffer, received = memoryview(bytearray(1 << 20)), 0
            while count := answer.readinto(buffer):
                received += count
            connection.close()
            return received

        def action() -> dict[str, float]:
            import time

            with _ours(folder, 0) as (port, pid):
                read(port)
                began, used = time.perf_counter(), cpu_seconds(pid)
                received = read(port)
                took, used = time.perf_counter() - began, cpu_seconds(pid) - used
                rows = _rows(folder)
                return {
                    "rows_per_second": rows / took,
                    "rows_per_cpu_second": rows / used,
                    "megabytes_per_second": received / took / 1e6,
                    "server_peak_bytes": _peak_bytes(pid),
                }

        return action

    return contender


def _rows(folder: Path) -> int:
    from opendata.reading.file_index.bundles import find_bundle
    from opendata.stores import FolderStore

    return find_bundle(FolderStore(str(folder / "store")), "bench").lock.total_files


def _peak_bytes(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024.0


# --- addresses -----------------------------------------------------------------------

_S3: Final = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench-secret",
    "OPENDATA_S3_ENDPOINT": "http://127.0.0.1:9",
    "AWS_REGION": "us-east-1",
}


def _paths() -> list[str]:
    return [f"2025/06/01/{n % 24:02}/img_{n:08}.jpg" for n in range(LINKS)]


def _nothing(folder: Path, scale: float) -> None:
    """Signing asks nobody."""


def _links(folder: Path) -> Action:
    from dataplatform.adapters.channel_files.opening import open_channel_files

    files = open_channel_files("s3://lake/images/", _S3, root=str(folder))
    paths = _paths()
    files.links(paths[:10], 3600)

    def action() -> dict[str, float]:
        import time

        began = time.process_time()
        signed = files.links(paths, 3600)
        used = time.process_time() - began
        assert len({url for url in signed if "X-Amz-Signature" in url}) == LINKS
        return {SIGNED: LINKS / used}

    return action


def _boto3(folder: Path) -> Action:
    import boto3

    client: Any = boto3.client(
        "s3",
        endpoint_url=_S3["OPENDATA_S3_ENDPOINT"],
        aws_access_key_id=_S3["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_S3["AWS_SECRET_ACCESS_KEY"],
        region_name=_S3["AWS_REGION"],
    )
    keys = [f"images/{path}" for path in _paths()]

    def sign(key: str) -> str:
        asked = {"Bucket": "lake", "Key": key}
        return str(client.generate_presigned_url("get_object", Params=asked, ExpiresIn=3600))

    sign(keys[0])

    def action() -> dict[str, float]:
        import time

        began = time.process_time()
        signed = [sign(key) for key in keys]
        used = time.process_time() - began
        assert len(set(signed)) == LINKS
        return {SIGNED: LINKS / used}

    return action


def _cheaper(what: str, ours: str, times: int) -> Goal:
    text = f"{what}: the server's processor time per request"
    return Goal(text, CPU, ours, "FastAPI, rows ready", at_most=round(1 / times, 4))


_ARROW: Final = "application/vnd.apache.arrow.stream"
_KEPT: Final = 64 << 20

CASES: tuple[Case, ...] = (
    Case(
        name="http-page",
        title="A page of 1,000 files over HTTP, one process, 8 connections",
        prepare=_prepare,
        contenders={
            "od, Arrow": _service(_ARROW),
            "od, JSON": _service("application/json"),
            "od, kept": _service("application/json", kept_bytes=_KEPT),
            "od, ETag": _service("application/json", kept_bytes=_KEPT, with_etag=True),
            "FastAPI, rows ready": _fastapi("model"),
            "FastAPI, from Arrow": _fastapi("arrow"),
        },
        goals=(
            _cheaper("Arrow page", "od, Arrow", 25),
            _cheaper("JSON page", "od, JSON", 6),
            _cheaper("kept page", "od, kept", 50),
            _cheaper("ETag", "od, ETag", 50),
        ),
        versions=("starlette", "uvicorn", "msgspec", "pyarrow"),
    ),
    Case(
        name="http-stream",
        title="All files of a channel over HTTP, one connection",
        prepare=_prepare_stream,
        contenders={
            "od, Arrow": _stream(_ARROW),
            "od, NDJSON": _stream("application/x-ndjson"),
        },
        goals=(Goal("Arrow stream, rows/s", "rows_per_second", "od, Arrow", at_least=1_000_000),),
        versions=("starlette", "uvicorn", "pyarrow"),
    ),
    Case(
        name="presign",
        title="10,000 presigned addresses",
        prepare=_nothing,
        contenders={"od": _links, "boto3": _boto3},
        goals=(Goal("addresses per second of a core", SIGNED, "od", "boto3", at_least=20),),
        versions=("obstore", "boto3"),
    ),
)
