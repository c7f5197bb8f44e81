"""The guide's examples, run as they stand on a lake that has what they ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dataplatform_tests.cli.shell import od
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.index_client.pictures import Lake
from opendata import DataIndexClient

GUIDE = (ROOT / "docs" / "guides" / "read-bundle-files.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.requirement("S0-60", "S0-62", "S0-63", "S0-64")
def test_its_python_runs_and_gives_what_it_says(
    client: DataIndexClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[int] = []
    names: dict[str, Any] = {
        "client": client,
        "process_batch": lambda batch: seen.append(len(batch)),
        "decode": lambda data: seen.append(len(data)),
        "rank": 1,
        "world_size": 2,
    }
    _, *examples = blocks("python")  # the first one only says how to come by a client
    for example in examples:
        exec(example, names)
    assert seen[:2] == [255, 60]
    assert len(seen) == 2 + 3 * 128
    for expression, told in re.findall(r"^(\S.*?\S) {2,}# (\d+|'.*')$", examples[0], re.MULTILINE):
        assert repr(eval(expression, names)) == told
    assert names["done"].fetched == 60


def test_its_commands_run(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENDATA_STORAGE", lake.store.url)
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        done = od(*command.removeprefix("od ").split())
        assert done.code == 0, done.err
    assert (tmp_path / "front.parquet").exists()
