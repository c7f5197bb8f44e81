"""A run's folder goes with the run, and the dead ones with the next."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dataplatform.adapters.runner.folders import run_folder


def test_a_folder_is_private_and_goes_with_its_run(tmp_path: Path) -> None:
    with run_folder(tmp_path / "work") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")

    assert not folder.exists()


def test_a_folder_goes_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), run_folder(tmp_path) as folder:
        raise ValueError("no")

    assert not folder.exists()


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path) -> None:
    for name, files in (("run-with-lock", [".alive", "rows"]), ("run-without", [])):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("")

    with run_folder(tmp_path) as living, run_folder(tmp_path) as other:
        assert sorted(tmp_path.glob("run-*")) == sorted([living, other])


def test_only_runs_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()

    with run_folder(tmp_path):
        pass

    assert (tmp_path / "keep").is_dir()


def test_write_protected_leftovers_go_too(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        locked = folder / "locked"
        locked.mkdir()
        (locked / "file").write_text("x")
        os.chmod(locked, 0o500)

    assert not folder.exists()
