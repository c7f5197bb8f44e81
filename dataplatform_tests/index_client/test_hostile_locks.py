"""A lock whose hash holds may say anything: who reads it gets an error of ours, or an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform_tests.api.site import CHANNEL, NAME, Site, ports_over
from dataplatform_tests.reading.file_index.lake import locked, pictures, put_bundle, put_channel
from opendata import DataIndexClient
from opendata.stores import FolderStore
from opendata.wire.bundle import DataRange
from opendata.wire.errors import OpenDataError

SAID: tuple[tuple[str, Any], ...] = (
    ("index", "../../../etc/passwd"),
    ("index", "/etc/passwd"),
    ("index", "a\0b"),
    ("index_bytes", -1),
    ("index_bytes", 1 << 52),
    ("checksum", "sha256:"),
    ("checksum", "sha256:" + "0" * 64),
    ("data_range", DataRange(start_time="yesterday")),
    ("data_range", DataRange(start_time="0001-01-01T00:00:00+23:00")),
    ("data_range", DataRange(end_time="9999-12-31T23:59:59-23:00")),
    ("data_range", DataRange(start_time="2025-06-02T00:00:00Z", end_time="2025-06-01T00:00:00Z")),
    ("channel", "../../x"),
    ("channel", "\x1b[31m" + "x" * 5000),
    ("storage_path", "\0"),
    ("storage_path", "file:///\0"),
    ("storage_path", "s3://"),
    ("storage_path", "http://169.254.169.254/latest/"),
    ("storage_path", "file://host/x"),
    ("version", "x"),
    ("file_count", -5),
    ("release", "a/b@c"),
)


@pytest.mark.parametrize(("name", "value"), SAID, ids=[f"{n}={v!r}"[:40] for n, v in SAID])
def test_nothing_that_a_lock_says_is_a_fault_of_the_reader(
    name: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_CACHE", str(tmp_path / "cache"))
    store = FolderStore(str(tmp_path / "store"))
    channel = locked(put_channel(store, CHANNEL, pictures(5)))
    put_bundle(store, [msgspec.structs.replace(channel, **{name: value})])
    client = DataIndexClient(store.url)

    def download() -> None:
        client.download(client.list_files(NAME), tmp_path / "out")

    asked: tuple[Callable[[], object], ...] = (
        lambda: client.get_dataset(NAME)._repr_html_(),
        lambda: list(client.stream_data(NAME)),
        download,
    )
    for ask in asked:
        with contextlib.suppress(OpenDataError):
            ask()
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "out", "store"}
    site = Site(store)
    site.bundles = ports_over(store, lambda place: open_channel_files(place, {}, root="/"))
    with site.serving() as web:
        for path in ("", "/files", "/stream", "/download"):
            answer = web.get(f"/api/v1/bundles/{NAME}{path}")
            assert answer.status_code == 200 or answer.json()["code"] != "internal", path
