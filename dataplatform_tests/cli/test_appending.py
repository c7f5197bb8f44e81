"""A release that grows: a run brings what is new, and the rest is neither stored nor read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import opendata
from dataplatform.contracts.profile import Profile, ShardedFacts
from dataplatform_tests.cli.shell import od
from opendata.reading.resolve import read_current
from opendata.stores import FolderStore
from opendata.wire.codec import read_json
from opendata.wire.ids import parse_dataset_id
from opendata.wire.manifest import Manifest

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-27")]

ID = "me/rain"
DEFINITION = f"""
id: {ID}
title: Rain
description: A reading an hour.
license: CC0-1.0
repo: https://example.org/rain
source: {{provider: me}}
time: at
contract:
  primary_key: [at]
  rules: [{{kind: range, field: mm, min: 0}}]
release: {{shard: month, stable_copy: never}}
"""
# 30 days of hours, the next ones at every run.
APPENDING = """
import numpy as np
import pyarrow as pa

def produce(context):
    done = 0
    if context.previous is not None:
        done = context.previous.manifest["row_count"]
        yield from context.previous.batches()
    first = np.datetime64("2025-01-01T00", "us")
    hours = first + np.arange(done, done + 720) * np.timedelta64(1, "h")
    yield pa.record_batch({"at": pa.array(hours), "mm": pa.array(np.arange(720.0))})
"""
MONTHLY = """
import numpy as np
import pyarrow as pa

def produce(context):
    first = np.datetime64((context.start or np.datetime64("2025-01-01").item()).isoformat()[:10])
    hours = first.astype("datetime64[us]") + np.arange(672) * np.timedelta64(1, "h")
    yield pa.record_batch({"at": pa.array(hours), "mm": pa.array(np.arange(672.0))})
"""


def producer(code: str) -> None:
    home = Path("producers") / ID
    home.mkdir(parents=True)
    (home / "opendata.yaml").write_text(DEFINITION)
    (home / "main.py").write_text(code)


def run(*words: str) -> None:
    answer = od("run", ID, "--publish", *words)
    assert answer.code == 0, answer.err


def files() -> dict[str, str]:
    """The shards of the current release by name."""
    return {entry.name: entry.path for entry in manifest().files}


def manifest() -> Manifest:
    release = read_current(FolderStore(".opendata/store"), parse_dataset_id(ID))
    assert release is not None
    return release.manifest


def objects(project: Path) -> set[Path]:
    return set((project / ".opendata" / "store" / "objects").rglob("*/*/*"))


def facts(project: Path) -> dict[str, dict[str, object]]:
    """The kept facts of each shard of the current release, by its digest."""
    store = FolderStore(str(project / ".opendata" / "store"))
    key = manifest().reports["profile"]
    profile = Profile.from_json(read_json(store.get(key).data, key))
    assert isinstance(profile.sharded, ShardedFacts)
    return {shard.sha256: shard.to_json() for shard in profile.sharded.shards}


def test_a_producer_appends_to_what_it_published_last(project: Path) -> None:
    producer(APPENDING)
    run()
    before = files()
    run()
    after = files()
    assert len(opendata.load(ID)) == 1_440
    assert (list(before), list(after)) == (["2025-01"], ["2025-01", "2025-02", "2025-03"])
    run()
    assert {name: files()[name] for name in ("2025-01", "2025-02")} == {
        name: after[name] for name in ("2025-01", "2025-02")
    }


def test_a_run_for_a_new_month_stores_that_month_and_no_other(project: Path) -> None:
    producer(MONTHLY)
    run()
    run("--start", "2025-03-01", "--end", "2025-03-31")
    before, stored = files(), objects(project)
    known = facts(project)
    run("--start", "2025-04-01", "--end", "2025-04-30")
    assert {name: path for name, path in files().items() if name in before} == before
    new = {path for path in objects(project) - stored if path.read_bytes()[:4] == b"PAR1"}
    assert [path.name for path in new] == [files()["2025-04"].rpartition("/")[2]]
    assert {digest: facts(project)[digest] for digest in known} == known


def test_a_month_that_breaks_a_rule_blocks_the_release_beside_sound_ones(project: Path) -> None:
    producer(MONTHLY)
    run()
    run("--start", "2025-03-01", "--end", "2025-03-31")
    main = Path("producers") / ID / "main.py"
    main.write_text(MONTHLY.replace("np.arange(672.0)", "np.arange(672.0) - 3"))
    answer = od("run", ID, "--publish", "--start", "2025-04-01", "--end", "2025-04-30", "--json")
    assert answer.code == 6
    report = json.loads(answer.out)["error"]["details"]["report"]
    broken = [finding for finding in report["findings"] if not finding["passed"]]
    assert [(one["checked"], one["failing"]) for one in broken] == [(3 * 672, 3)]
    assert list(files()) == ["2025-01", "2025-03"]
