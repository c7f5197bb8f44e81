"""What the documentation shows can be typed: its Python runs, and the first tutorial as a whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import opendata as od
from dataplatform.releases.patching.parse import parse_patch
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.producers.recorded import Recorded, cut, producer
from dataplatform_tests.producers.test_ecb_euro_reference_rates import zipped

pytestmark = pytest.mark.platform

# `<!-- file: PATH -->` names the file that the block below is; `<!-- exit: N -->` how it ends.
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>file|exit): (?P<value>\S+) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
TUTORIAL = ROOT / "docs/getting-started/publish-your-first-data-set.md"
REPRODUCE = ROOT / "docs/guides/reproduce.md"
SOURCES = {
    "world-airports": cut("airports-20260208.csv"),
    "ecb-euro-reference-rates": zipped(),
}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, with the remark above it."""

    language: str
    text: str
    file: str | None = None
    exit_code: int = 0


def blocks(page: Path) -> Iterator[Block]:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        note, value = match["note"], match["value"]
        yield Block(
            match["language"],
            match["text"],
            file=value if note == "file" else None,
            exit_code=int(value) if note == "exit" else 0,
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with a store of its own."""
    (tmp_path / ".opendata" / "store").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def published(folder: Path) -> Path:
    """The same with cuts of two of the demo's data sets in the store."""
    for name, source in SOURCES.items():
        main = producer(name)
        table = main.produce(Recorded({main.SOURCE: source}))
        time = {"time": "date"} if "date" in table.schema.names else {}
        with warnings.catch_warnings(action="ignore"):  # unsigned, and without a licence
            od.push(table, f"getopendata/{name}", **time)
    return folder


def run_python(page: Path) -> dict[str, Any]:
    """Run a page's Python from top to bottom, as a reader would in one session."""
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)  # our own documentation
    return names


@pytest.mark.requirement("S1-88", "S2-110")
@pytest.mark.usefixtures("published")
def test_the_readme_loads_a_data_set() -> None:
    names = run_python(ROOT / "README.md")
    assert len(names["highest"]) == 5
    assert list(names["highest"]["elevation"]) == sorted(names["highest"]["elevation"])[::-1]


@pytest.mark.requirement("S1-88", "S2-110")
@pytest.mark.usefixtures("published")
def test_the_tutorial_on_loading_runs_as_shown() -> None:
    names = run_python(ROOT / "docs/getting-started/load-data.md")
    assert len(names["airports"]) == len(names["first"])
    assert names["checked"].passed


@pytest.mark.requirement("S1-56", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_pushing_runs_as_shown() -> None:
    names = run_python(ROOT / "docs/guides/push-a-frame.md")
    assert names["release"].version == "1.0.1"
    assert od.dataset("me/garden").schema.names == ["date", "rain", "snow"]


@pytest.mark.requirement("S4-87", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_patching_runs_as_shown() -> None:
    page = ROOT / "docs/guides/patch-a-release.md"
    names = run_python(page)
    diff = names["release"].diff["diff_R"]
    assert (names["release"].version, diff["changed"], diff["removed"]) == ("1.0.1", 1, 1)
    assert len(names["patched"]) == 2
    assert [op["op"] for op in names["undo"]["ops"]] == ["UPSERT_RECORD"]
    for block in blocks(page):
        if block.language == "yaml":
            assert parse_patch(block.text, page.name).ops


@pytest.mark.requirement("S4-53", "S4-54", "S4-55", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_freezing_and_rolling_back_runs_as_shown() -> None:
    names = run_python(ROOT / "docs/guides/freeze-and-rollback.md")
    assert names["states"]["1.1.0"] == "current"


@pytest.mark.requirement("S4-11", "S4-44", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_arrival_times_shows_a_table_that_passes() -> None:
    names = run_python(ROOT / "docs/guides/arrival-time.md")
    assert names["release"].version == "1.0.0"
    assert od.dataset("me/arrival").release.manifest.row_count == 101


@pytest.mark.requirement("S4-89", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_retention_runs_as_shown() -> None:
    run_python(ROOT / "docs/guides/push-a-frame.md")
    names = run_python(ROOT / "docs/guides/retention-and-collection.md")
    assert names["found"]["expired"] == []


@pytest.mark.requirement("S4-51", "S4-63", "S2-110")
@pytest.mark.filterwarnings("ignore:the release is unsigned", "ignore:no licence is named")
@pytest.mark.usefixtures("folder")
def test_the_guide_on_compatibility_reads_as_shown() -> None:
    names = run_python(ROOT / "docs/guides/compatibility.md")
    assert list(names["march"]["10Y"].round(3)) == [round(4 + at / 1000, 3) for at in range(60, 91)]
    assert names["high"]["10Y"].min() > 4.3
    assert names["verdict"].adapters == ("fields_alias", "unit_converters", "routing_rules")
    assert len(names["matrix"]) == 4


@pytest.mark.requirement("S1-54", "S1-67", "S2-110")
@pytest.mark.parametrize("page", [TUTORIAL, REPRODUCE], ids=lambda page: page.stem)
def test_a_page_runs_as_typed_and_says_what_it_shows(page: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for block in blocks(page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            said = typed(block, tmp_path)
        elif block.language == "text":
            assert [line for line in block.text.splitlines() if line.strip() not in said] == []


def typed(block: Block, folder: Path) -> list[str]:
    """Type a block into a shell; what the terminal shows, line by line."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", block.text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == block.exit_code, f"{block.text}\n{shown}"
    return [line.strip() for line in shown.splitlines()]
