"""A service over a store that a test fills, asked in this process."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa

from dataplatform.api.app import ServiceOptions, create_app
from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.ports import ChannelFiles, ChannelPorts
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.reading.file_index.lake import (
    Row,
    locked,
    pictures,
    put_bundle,
    put_channel,
)
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectStore
from opendata.wire.errors import NotFound

with warnings.catch_warnings(action="ignore"):  # that another client library may be wanted
    from starlette.testclient import TestClient

NAME = "foundational_model"
VERSION = "v1.0.0-2025.25"
CHANNEL = "image_original"
FILES = f"/api/v1/bundles/{NAME}/files"
STREAM = f"/api/v1/bundles/{NAME}/stream"
DOWNLOAD = f"/api/v1/bundles/{NAME}/download"
BASE_URL = "https://dataindex-api.example.com"


@dataclass
class SignedPlace:
    """A channel's place whose addresses tell what they were signed for."""

    url: str
    asked: list[str] = field(default_factory=list)

    def links(self, paths: Sequence[str], seconds: int) -> Sequence[str]:
        self.asked += paths
        return [f"{self.url}{path}?expires={seconds}" for path in paths]


def ports_over(
    store: ObjectStore, open_files: Callable[[str], ChannelFiles] | None = None
) -> BundlePorts:
    """Ports of a platform that serves and does nothing else."""

    def nothing() -> Any:
        raise NotFound("there is no repository here")

    now = FakeClock()
    channels = ChannelPorts(
        store=store,
        open_files=open_files or (lambda path: cast(ChannelFiles, SignedPlace(path))),
        engines={},
        writer=cast(Any, None),
        now=now,
        environ={},
    )
    return BundlePorts(
        store=store,
        channels=channels,
        open_spec_repo=nothing,
        open_index_repo=nothing,
        now=now,
        base_url=BASE_URL,
    )


@dataclass
class Site:
    """What is served: a store, and the ports over it."""

    store: ObjectStore = field(default_factory=lambda: MemoryStore())

    def __post_init__(self) -> None:
        self.bundles = ports_over(self.store)

    def publish(
        self,
        channels: Mapping[str, Sequence[Row]] | None = None,
        *,
        group_rows: int = 16,
        name: str = NAME,
        version: str = VERSION,
        revision: int = 1,
        **changes: Any,
    ) -> str:
        """Publish a bundle of these channels (100 pictures of one where none are given)."""
        channels = {CHANNEL: pictures(100, undated=5)} if channels is None else channels
        held = [
            locked(
                put_channel(
                    self.store,
                    channel,
                    rows,
                    group_rows=group_rows,
                    storage_path=f"https://lake.example.com/{channel}/",
                ),
                **changes,
            )
            for channel, rows in channels.items()
        ]
        lock = put_bundle(self.store, held, name=name, version=version, revision=revision)
        return str(lock.ref)

    @contextmanager
    def serving(self, **options: Any) -> Iterator[TestClient]:
        """A client of the service, with its life begun and ended around it."""
        hosts = frozenset({"testserver"})
        app = create_app(self, ServiceOptions(version="1.2.3", hosts=hosts, **options))
        with TestClient(app, raise_server_exceptions=False) as client:
            client.headers.pop("accept-encoding")
            yield client


def arrow_of(data: bytes) -> pa.Table:
    """The table of an Arrow IPC stream."""
    return pa.ipc.open_stream(io.BytesIO(data)).read_all()


def scope_of(
    path: str, query: str = "", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An ASGI scope, for what a client library would not send or not notice."""
    sent = {"host": "testserver", **(headers or {})}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
        "scheme": "http",
        "root_path": "",
    }
