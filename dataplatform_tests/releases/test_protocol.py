"""The release protocol in memory and in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.releases.protocol import ReleaseProtocol
from opendata.stores import FolderStore, ObjectStore
from opendata.stores.memory import MemoryStore


class TestInMemory(ReleaseProtocol):
    """Fast, with S3's own kind of tokens."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


class TestInAFolder(ReleaseProtocol):
    """The embedded default."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FolderStore(str(tmp_path / "store"))
