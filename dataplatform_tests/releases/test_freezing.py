"""Freezing and withdrawing in memory, in a folder, and on a real S3 server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dataplatform_tests.releases.freezing import FreezeProtocol
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import FolderStore, ObjectStore, open_store
from opendata.stores.memory import MemoryStore

# What the suite proves; its own marks stand in a file that is no test.
pytestmark = pytest.mark.requirement("S4-8", "S4-52", "S4-53", "S4-54", "S4-55", "S4-95", "B2")


class TestInMemory(FreezeProtocol):
    """Fast, with S3's own kind of tokens."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


class TestInAFolder(FreezeProtocol):
    """The embedded default."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FolderStore(str(tmp_path / "store"))


@pytest.mark.real
class TestOnS3(FreezeProtocol):
    """Where every request goes over a network."""

    @pytest.fixture
    def store(self, seaweed: SeaweedServer, seaweed_bucket: str) -> ObjectStore:
        return open_store(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ=seaweed.environ())
