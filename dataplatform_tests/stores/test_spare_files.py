"""Scratch that a folder store takes over: no copy where one disk has both, a copy elsewhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from opendata.stores import FolderStore
from opendata.stores.port import LocalFile

KEY = "objects/spare"


def scratch(folder: Path) -> Path:
    path = folder / "scratch"
    path.write_bytes(b"rows")
    return path


def test_a_spare_file_becomes_the_object_and_outlives_its_scratch(tmp_path: Path) -> None:
    store, path = FolderStore(str(tmp_path / "store")), scratch(tmp_path)
    store.put_new(KEY, LocalFile(str(path), spare=True))
    stored = Path(store.local_path(KEY) or "")
    assert stored.samefile(path)
    path.unlink()
    assert store.get(KEY).data == b"rows"
    assert oct(stored.stat().st_mode)[-3:] == "644"
    assert list((tmp_path / "store" / ".tmp").iterdir()) == []


def test_a_file_that_is_not_spare_is_copied(tmp_path: Path) -> None:
    store, path = FolderStore(str(tmp_path / "store")), scratch(tmp_path)
    store.put_new(KEY, LocalFile(str(path)))
    path.write_bytes(b"changed")
    assert store.get(KEY).data == b"rows"


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_what_cannot_be_linked_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*paths: str, **options: bool) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "link", refuse)
    store, path = FolderStore(str(tmp_path / "store")), scratch(tmp_path)
    store.put_new(KEY, LocalFile(str(path), spare=True))
    assert store.get(KEY).data == b"rows"
    assert not Path(store.local_path(KEY) or "").samefile(path)
