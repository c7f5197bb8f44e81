"""What a session cannot hold in memory goes to a folder of its own, and the folder with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.adapters.duckdb.session import Limits, locked_session

pytestmark = pytest.mark.platform


@pytest.mark.requirement("B44")
def test_it_spills_under_the_folder_that_was_named(tmp_path: Path) -> None:
    left = tmp_path / "opendata-sql-killed"
    left.mkdir()
    with locked_session([], Limits(spill_folder=str(tmp_path))) as session:
        spills = Path(session.row("SELECT current_setting('temp_directory') AS at")["at"])
        assert spills.parent == tmp_path
        assert spills.is_dir()
        assert not left.exists()
    assert not spills.exists()
