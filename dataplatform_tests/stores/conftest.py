"""The store in a folder, where a module does not say which store it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from opendata.stores import FolderStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a store in a folder lies; not made yet."""
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(str(root))
