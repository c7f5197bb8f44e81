"""The release protocol in memory and in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.releases.protocol import ReleaseProtocol
from opendata.stores import FolderStore, ObjectStore
from opendata.stores.memory import MemoryStore

# What the suite proves; its own marks stand in a file that is no test.
pytestmark = pytest.mark.requirement(
    "S4-3", "S4-7", "S4-8", "S4-10", "S4-16", "S4-41", "S4-49", "S4-54", "S4-55", "S4-65", "S4-66",
    "S4-67", "S4-72", "S4-78", "S4-88", "S1-27", "S1-59", "M-10", "B1", "B2", "B3", "B46",
)  # fmt: skip


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
