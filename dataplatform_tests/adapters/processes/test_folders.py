"""A folder goes with whoever made it, and the dead ones with the next."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform.adapters.processes.folders import living_folder


def test_a_folder_is_private_and_goes_with_its_run(tmp_path: Path) -> None:
    with living_folder(tmp_path / "work", "run-") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")

    assert not folder.exists()


def test_a_folder_goes_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), living_folder(tmp_path, "run-") as folder:
        raise ValueError("no")

    assert not folder.exists()


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path) -> None:
    for name, files in (("run-with-lock", [".alive", "rows"]), ("run-without", [])):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("")

    with living_folder(tmp_path, "run-") as living, living_folder(tmp_path, "run-") as other:
        assert sorted(tmp_path.glob("run-*")) == sorted([living, other])


def come_and_go(root: Path, times: int) -> None:
    for _ in range(times):
        with living_folder(root, "run-") as folder:
            for name in ("begun", "rows", "log"):
                (folder / name).mkdir()


@pytest.mark.requirement("S1-86")
def test_runs_that_end_while_others_begin_do_not_clear_each_other_away(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(come_and_go, tmp_path, 200) for _ in range(4)]:
            done.result()
    assert list(tmp_path.glob("run-*")) == []


def test_only_runs_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()

    with living_folder(tmp_path, "run-"):
        pass

    assert (tmp_path / "keep").is_dir()


def test_write_protected_leftovers_go_too(tmp_path: Path) -> None:
    with living_folder(tmp_path, "run-") as folder:
        locked = folder / "locked"
        locked.mkdir()
        (locked / "file").write_text("x")
        os.chmod(locked, 0o500)

    assert not folder.exists()
