"""The demo's bundle, whole: real packages, real git, Dagster, a listing by time, and damage."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

import opendata as od
from dataplatform.bundles.watch.verify import verify_bundle
from dataplatform.cli.demo_bundles import DemoLake, index_demo_bundle, show_demo_bundle
from dataplatform.cli.demo_story import Story
from dataplatform.definitions import build_defs
from dataplatform.defs.materialize import follow_commits
from dataplatform.settings import read_settings
from dataplatform.wiring import Platform, from_settings
from dataplatform_tests.house.tree import ROOT
from opendata.reading.file_index.bundles import find_bundle
from opendata.stores import open_store
from opendata.stores.port import ObjectReader

pytestmark = pytest.mark.platform


class Demo:
    """The demo in a folder of its own, with a Dagster that forgets."""

    def __init__(self, root: Path) -> None:
        for part in ("lake", "specs"):
            shutil.copytree(ROOT / "demo" / part, root / "demo" / part)
        self.lake = DemoLake(root)
        self.environment = {"OPENDATA_STORAGE": str(root / ".opendata" / "store")}
        self.instance = dg.DagsterInstance.ephemeral()

    @property
    def store(self) -> ObjectReader:
        return open_store(self.environment["OPENDATA_STORAGE"], environ={})

    def play(self) -> Story:
        story = Story()
        index_demo_bundle(self.lake, self.environment, self.follow, story)
        show_demo_bundle(self.lake, self.environment, story)
        return story

    def follow(self, links: Mapping[str, str]) -> dict[str, Any]:
        return follow_commits(build_defs(self.platform(links)), self.instance)

    def platform(self, links: Mapping[str, str]) -> Platform:
        return from_settings(read_settings({**self.environment, **links}, self.lake.root))


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    (tmp_path / ".opendata" / "store").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"):  # unsigned, and without a licence
        od.push(pa.table({"icao": ["LOWW"]}), "getopendata/world-airports")
    return Demo(tmp_path)


@pytest.mark.requirement("S0-1", "S0-13", "S0-15", "S0-63", "M-5")
def test_the_demo_is_played_and_played_again(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.play().surprises == 0
    told = capsys.readouterr().out
    assert "weekly/demo_model-v1.0.0-2026.23 at " in told
    assert "2026/06/01/10/chelsea.png  240.5 kB  Chelsea the cat" in told
    assert "brick.png is altered" in told
    assert "23 files hashed again" in told
    lock = find_bundle(demo.store, "demo_model").lock
    files = [one for one in lock.channels if one.release is None]
    assert all(Path(one.storage_path).is_absolute() for one in files)  # read from any folder
    assert demo.play().surprises == 0
    assert "nothing to do" in capsys.readouterr().out


def test_an_interrupted_demo_is_mended_before_it_is_played_again(demo: Demo) -> None:
    """Ended while a file was damaged and the platform knew it."""
    assert demo.play().surprises == 0
    damaged = demo.lake.folder / "lake" / "mixed_tables/v1.0.0/2026/06/01/15/wheat.json"
    before = damaged.stat()
    damaged.write_bytes(b"x" * before.st_size)
    ports = demo.platform(demo.lake.environment).bundles
    lock = find_bundle(ports.store, "demo_model").lock
    assert not verify_bundle(ports, lock, now=ports.now()).passed
    demo.instance = dg.DagsterInstance.ephemeral()  # so that there is a run again
    assert demo.play().surprises == 0
