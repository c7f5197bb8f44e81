"""Two sites that know nothing of each other run the same producer into one store.

Each has its own folder, its own environment and its own clock; only the store is shared. Whole runs
go on at the same time, as people type them, and a reader reads all the while.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import opendata as od
from dataplatform_tests.faults.test_whole_runs import DEFINITION, MAIN
from dataplatform_tests.releases.waiting import looking_meanwhile
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.verify import verify_dataset
from opendata.stores import open_store
from opendata.wire.ids import parse_dataset_id, parse_reference

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8", "S1-63", "B46")]

DATASET = "tests/rates"
CONFLICT = 5
TRIES = 20
# `od` on a machine whose clock is wrong by as many days as the first word says.
OD_AT_ANOTHER_TIME = """
import sys
from datetime import UTC, datetime, timedelta
from dataplatform import wiring

ahead = timedelta(days=float(sys.argv.pop(1)))
wiring.utc_now = lambda: datetime.now(UTC) + ahead
from opendata.cli import main
main()
"""


@dataclass(frozen=True)
class Site:
    """A folder with the producer in it, on a machine whose clock is wrong."""

    root: Path
    days_ahead: float
    environ: dict[str, str]

    def set_value(self, value: int) -> None:
        """What the producer finds from now on."""
        (self.root / "producers" / DATASET / "value").write_text(str(value))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """One run of `od`, beside others."""
        return subprocess.Popen(
            [sys.executable, "-c", OD_AT_ANOTHER_TIME, str(self.days_ahead), *words],
            cwd=self.root,
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass(frozen=True)
class Ended:
    """One run that came to an end."""

    code: int
    printed: str
    told: str

    @property
    def published(self) -> tuple[int, str] | None:
        """Generation and release, if it published."""
        said = json.loads(self.printed) if self.code == 0 else {}
        return (said["generation"], said["release"]) if "generation" in said else None


def publish_until_through(site: Site) -> list[Ended]:
    """As a schedule does: run, and run again where somebody else was faster."""
    ends: list[Ended] = []
    while not ends or ends[-1].code:
        assert len(ends) < TRIES, ends
        run = site.start("run", DATASET, "--publish", "--json")
        printed, told = run.communicate(timeout=300)
        assert run.returncode in (0, CONFLICT), told
        ends.append(Ended(run.returncode, printed, told))
    return ends


def all_at_once(sites: list[Site]) -> list[Ended]:
    """Every site publishes until it is through; what came of every run."""
    with ThreadPoolExecutor(len(sites)) as pool:
        return [end for ends in pool.map(publish_until_through, sites) for end in ends]


def value_now() -> float:
    table = od.load(DATASET, format="arrow")
    values = set(table["rate"].to_pylist())
    assert (table.num_rows, len(values)) == (60, 1), f"a torn release: {values}"
    return float(values.pop())


def run_for_rounds(sites: list[Site], environ: dict[str, str], rounds: int) -> None:
    """In odd rounds the sites find the same rows, in even ones each finds its own."""
    publish_until_through(sites[0])
    ends: list[Ended] = []
    with looking_meanwhile(value_now) as seen:
        for number in range(1, rounds + 1):
            found = [10 * number + (at if number % 2 == 0 else 0) for at in range(len(sites))]
            for site, value in zip(sites, found, strict=True):
                site.set_value(value)
            ended = all_at_once(sites)
            # Who finds the same rows at the same moment resumes the other's release: both name
            # the one commit that published it.
            commits = {end.published for end in ended if end.published}
            assert len(commits) == len(set(found)), [end.told for end in ended]
            assert value_now() in found
            ends += ended
    assert seen, "nobody read while they published"
    check_one_history(environ, ends)


def check_one_history(environ: dict[str, str], ends: list[Ended]) -> None:
    store = open_store(environ["OPENDATA_STORAGE"], environ=environ)
    history = list(walk_history(store, parse_dataset_id(DATASET)))
    assert [commit.generation for commit in history] == list(range(len(history), 0, -1))
    acknowledged = sorted({end.published for end in ends if end.published})
    found = sorted((commit.generation, commit.release) for commit in history)
    assert found == [(1, "1.0.0"), *acknowledged]
    for end in ends:
        if end.code:
            error = json.loads(end.printed)["error"]
            assert error["category"] == "conflict"
            assert any(commit.commit_id in error["message"] for commit in history), error
            assert "od run tests/rates --publish" in error["hint"]
    assert verify_dataset(store, parse_reference(DATASET), None).damaged == ()
    assert load_catalogue(store).datasets[0].release == history[0].release


def make_sites(tmp_path: Path, environ: dict[str, str]) -> list[Site]:
    """Two machines whose clocks are four days apart."""
    sites = []
    for name, days_ahead in (("behind", -2.0), ("ahead", 2.0)):
        producer = tmp_path / name / "producers" / DATASET
        producer.mkdir(parents=True)
        (producer / "main.py").write_text(MAIN)
        (producer / "opendata.yaml").write_text(DEFINITION)
        sites.append(Site(tmp_path / name, days_ahead, environ))
        sites[-1].set_value(1)
    return sites


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A store in a folder that both sites mount."""
    return exported({"OPENDATA_STORAGE": str(tmp_path / "store")}, monkeypatch)


@pytest.fixture
def bucket(
    seaweed: SeaweedServer, seaweed_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A store in a bucket."""
    url = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    return exported({"OPENDATA_STORAGE": url, **seaweed.environ()}, monkeypatch)


def exported(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


def test_two_sites_on_one_folder_make_one_history(tmp_path: Path, folder: dict[str, str]) -> None:
    run_for_rounds(make_sites(tmp_path, folder), folder, rounds=2)


@pytest.mark.real
def test_two_sites_on_one_bucket_make_one_history(tmp_path: Path, bucket: dict[str, str]) -> None:
    run_for_rounds(make_sites(tmp_path, bucket), bucket, rounds=2)


@pytest.mark.long
@pytest.mark.real
def test_two_sites_on_one_bucket_make_one_history_for_a_long_time(
    tmp_path: Path, bucket: dict[str, str]
) -> None:
    run_for_rounds(make_sites(tmp_path, bucket), bucket, rounds=20)
