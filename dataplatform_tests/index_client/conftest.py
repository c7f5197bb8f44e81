"""A bundle with real files behind it, read without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.index_client.pictures import Lake, fill
from opendata import DataIndexClient


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def client(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DataIndexClient:
    monkeypatch.setenv("OPENDATA_CACHE", str(tmp_path / "cache"))
    return DataIndexClient(lake.store.url)
