"""Many producers, some of them broken in every way: the good ones load, each bad one is shown.

A tenth of a thousand here; `make test-long` loads all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.producer_folders import write_producers
from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import Site
from dataplatform_tests.house.tree import ROOT
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

LONG = 1_000
SHORT = LONG // 10
MANY = [SHORT, pytest.param(LONG, marks=pytest.mark.long)]


@pytest.fixture(params=MANY, scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of many producers, and of folders that nobody would make on purpose."""
    root = tmp_path_factory.mktemp("many")
    producers = root / "producers"
    write_producers(producers, request.param)
    space = producers / "space-00"
    (space / "loop").symlink_to("loop")
    (space / "alias").symlink_to(space / "stations-0000")
    for name, harm in (("huge", _huge), ("pipe", os.mkfifo), ("endless", _endless)):
        (space / name).mkdir()
        harm(space / name / "opendata.yaml")
    os.mkdir(os.fsencode(space) + b"/\xff")
    return root


def _huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(50 << 30)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


HOSTILE = {"space-00/alias", "space-00/huge", "space-00/pipe", "space-00/endless"}


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    with site.instance:
        yield site


@pytest.mark.requirement("M-4", "M-8")
def test_every_good_producer_loads_and_every_broken_one_is_an_asset_that_says_why(
    site: Site,
) -> None:
    good, broken = sorted_out(site.root)
    defs = site.defs()
    dg.Definitions.validate_loadable(defs)
    graph = defs.get_repository_def().asset_graph
    shown = {key.to_user_string() for key in graph.executable_asset_keys}
    for dataset in good:
        names = Names(parse_dataset_id(dataset))
        assert {key.to_user_string() for key in names.all} <= shown
    assert broken >= HOSTILE
    assert broken <= shown
    told = [graph.get(dg.AssetKey(each.split("/"))).description or "" for each in broken]
    assert all("This producer cannot be used" in text for text in told)
    assert len(shown) == 3 * len(good) + len(broken) + 1  # and the name that is no text


def sorted_out(root: Path) -> tuple[set[str], set[str]]:
    """The data sets whose file reads as it was written, and all other folders."""
    good, broken = set(), set()
    for path in (root / "producers").glob("space-*/*"):
        name = f"{path.parent.name}/{path.name}"
        if path.name.isascii() and path.is_dir():
            (good if _is_whole(path, name) else broken).add(name)
    return good, broken


def _is_whole(folder: Path, name: str) -> bool:
    file = folder / "opendata.yaml"
    if file.is_symlink() or not file.is_file() or file.stat().st_size > 1 << 20:
        return False
    text = file.read_text()
    wanted = (f"id: {name}\n", "\ntitle:", "float64")
    return all(word in text for word in wanted) and "\t" not in text


def test_a_good_one_among_them_runs(site: Site) -> None:
    assert site.run(dataset="space-00/stations-0000").succeeded
    assert site.current_version("space-00/stations-0000") == "1.0.0"


def test_a_broken_one_among_them_fails_alone_and_says_where(site: Site) -> None:
    run = site.run("space-00/huge", selection=dg.AssetSelection.assets(["space-00", "huge"]))
    assert "the file is larger than 2,097,152 bytes" in "".join(run.failures.values())


@pytest.mark.requirement("M-8")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((sys.executable, "-m", "dagster", "definitions", "validate"), "passed validation"),
        ((str(Path(sys.executable).with_name("dg")), "check", "defs"), "loaded successfully"),
    ],
)
def test_the_tools_of_dagster_find_them_in_order(
    folder: Path, command: tuple[str, ...], said: str
) -> None:
    environment = {**os.environ, "OPENDATA_PRODUCERS": str(folder / "producers")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
