"""Sixteen publishers of one data set: one chain, no gap, no fork, and losers learn who won."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.publish import publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.faults.aftermath import value_seen_by_a_reader
from dataplatform_tests.faults.killing import (
    Place,
    fork_server,
    in_parallel,
    publish_value,
    table_of,
)
from dataplatform_tests.releases.waiting import looking_meanwhile
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.resolve import resolve
from opendata.reading.verify import verify_dataset
from opendata.wire.errors import Conflict, Unavailable
from opendata.wire.ids import Reference
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8", "S1-63", "B8")]
PUBLISHERS = 16
Note = dict[str, Any]


# --- what each of them does ----------------------------------------------------------


def publish_once(place: Place, value: int, start: Barrier) -> None:
    """Freeze against what is current now; when all have, publish; note what came of it."""
    bench = place.bench()
    frozen = bench.freeze(bench.stage(table_of(value))).release
    start.wait(300)
    note(place, value, attempt(place, frozen.version.patch))


def publish_until_done(place: Place, value: int, start: Barrier) -> None:
    """As a person would: run again after a conflict, until the release is out."""
    bench = place.bench()
    start.wait(300)
    while True:
        frozen = bench.freeze(bench.stage(table_of(value))).release
        outcome = attempt(place, frozen.version.patch)
        note(place, value, outcome)
        if "published" in outcome:
            derive_copies(bench.ports, bench.dataset)
            return


def attempt(place: Place, patch: int) -> Note:
    bench = place.bench()
    while True:
        try:
            version = parse_version(f"1.0.{patch}")
            return {
                "published": publish_release(bench.ports, bench.dataset, version).pointer.to_json()
            }
        except Conflict as lost:
            return {"winner": lost.details["winner"], "message": lost.message}
        except Unavailable:  # the outcome is unknown: asking again settles it
            time.sleep(0.05)


def note(place: Place, value: int, outcome: Note) -> None:
    path = Path(place.scratch) / f"notes-{value}.jsonl"
    with path.open("a") as file:
        file.write(json.dumps({"value": value, **outcome}) + "\n")


# --- what must hold ------------------------------------------------------------------


def race(place: Place, act: Any) -> list[Note]:
    publish_value(place, place.open(), 0)
    start = fork_server().Barrier(PUBLISHERS)
    values = range(1, PUBLISHERS + 1)
    with looking_meanwhile(lambda: value_seen_by_a_reader(place.bench())) as seen:
        codes = in_parallel(act, [(place, value, start) for value in values])
    assert codes == [0] * PUBLISHERS
    assert seen, "nobody read while they published"
    texts = [Path(place.scratch, f"notes-{value}.jsonl").read_text() for value in values]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def check_chain(place: Place, notes: Sequence[Note]) -> list[Pointer]:
    """One chain: every acknowledged commit is in it once, and every winner that was named."""
    bench = place.bench()
    history = list(walk_history(bench.store, bench.dataset))
    published = [note["published"] for note in notes if "published" in note]
    commits = [commit.to_json() for commit in history]
    assert [commit.generation for commit in history] == list(range(len(history), 0, -1))
    assert sorted(p["generation"] for p in published) == list(range(2, len(history) + 1))
    assert all(commit in commits for commit in published)
    for lost in (note for note in notes if "winner" in note):
        assert lost["winner"] in commits
        assert lost["winner"]["commit_id"] in lost["message"]
        assert lost["winner"]["release"] in lost["message"]
    for note in (note for note in notes if "published" in note):
        version = parse_version(note["published"]["release"])
        release = resolve(bench.store, Reference(bench.dataset, version))
        assert set(bench.read(release)["rate"].to_pylist()) == {float(note["value"])}
    assert verify_dataset(bench.store, Reference(bench.dataset), None).damaged == ()
    return history


def one_of_sixteen(place: Place) -> None:
    notes = race(place, publish_once)
    assert sum("published" in note for note in notes) == 1
    assert sum("winner" in note for note in notes) == PUBLISHERS - 1
    history = check_chain(place, notes)
    assert len(history) == 2
    bench = place.bench()
    found = [one.problem for one in inspect(bench.ports, bench.dataset) if not one.repairable]
    assert len(found) == PUBLISHERS - 1
    assert all("never published" in problem for problem in found)


def all_of_sixteen(place: Place) -> None:
    notes = race(place, publish_until_done)
    assert sum("published" in note for note in notes) == PUBLISHERS
    history = check_chain(place, notes)
    assert len(history) == PUBLISHERS + 1
    bench = place.bench()
    repair(bench.ports, bench.dataset)
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
    assert load_catalogue(bench.store).datasets[0].release == history[0].release
    winners = {
        note["published"]["commit_id"]: note["value"] for note in notes if "published" in note
    }
    assert value_seen_by_a_reader(bench) == winners[history[0].commit_id]


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "store"), str(tmp_path))


@pytest.fixture
def bucket(tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str) -> Place:
    return Place(f"{seaweed_bucket}/{uuid.uuid4().hex}", str(tmp_path), seaweed.environ())


def test_of_sixteen_at_once_one_wins_and_the_others_learn_who(folder: Place) -> None:
    one_of_sixteen(folder)


def test_sixteen_that_try_again_all_get_through_in_one_chain(folder: Place) -> None:
    all_of_sixteen(folder)


@pytest.mark.real
def test_of_sixteen_at_once_on_s3_one_wins_and_the_others_learn_who(bucket: Place) -> None:
    one_of_sixteen(bucket)


@pytest.mark.real
def test_sixteen_that_try_again_on_s3_all_get_through_in_one_chain(bucket: Place) -> None:
    all_of_sixteen(bucket)
