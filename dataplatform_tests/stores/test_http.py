"""Reading a public store over HTTP: static files alone are enough for every reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.static_http import serving
from dataplatform_tests.stores.conformance import ReaderConformance
from opendata.stores import FolderStore, ObjectReader, ObjectStore, open_reader, open_store
from opendata.wire.errors import InvalidInput, Unavailable

pytestmark = pytest.mark.platform


@pytest.mark.requirement("B8")
class TestHttpReader(ReaderConformance):
    """The reading half, over a folder that a web server serves."""

    ranges = True

    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return FolderStore(str(tmp_path / "served" / "public"))

    @pytest.fixture
    def reader(self, store: FolderStore, tmp_path: Path) -> Iterator[ObjectReader]:
        with serving(tmp_path / "served", ranges=self.ranges) as address:
            yield open_reader(f"{address}/public/", environ={})


class TestHttpReaderOfASimpleServer(TestHttpReader):
    """The same from a server that knows neither ranges nor ETags."""

    ranges = False


def test_a_web_address_cannot_be_written() -> None:
    with pytest.raises(InvalidInput, match="can only be read") as caught:
        open_store("https://data.example.org/public", environ={})
    assert "OPENDATA_STORAGE" in (caught.value.hint or "")


def test_a_reader_offers_no_writing() -> None:
    assert not isinstance(open_reader("https://data.example.org", environ={}), ObjectStore)


def test_unencrypted_addresses_are_for_this_machine_only() -> None:
    with pytest.raises(InvalidInput, match="not encrypted"):
        open_reader("http://data.example.org/public", environ={})
    for loopback in ("http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"):
        assert open_reader(loopback, environ={}).url == loopback


@pytest.mark.parametrize(
    "address",
    ["https://name:hunter2@host/x", "https://host/x?token=1", "https://host/#a", "https://"],
)
def test_addresses_carry_nothing_but_the_place(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_reader(address, environ={})
    assert "hunter2" not in str(caught.value)


def test_a_server_out_of_reach_is_unavailable() -> None:
    address = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(Unavailable, match="does not answer"):
        open_reader(address, environ={}).get("k")


def test_a_proxy_is_not_asked_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_ports(1)[0]}")
    FolderStore(str(tmp_path)).put("k", b"1")
    with serving(tmp_path) as address:
        assert open_reader(address, environ={}).get("k").data == b"1"
