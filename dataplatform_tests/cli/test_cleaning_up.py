"""Typing `od retention` and `od gc`: what would go, what goes, and the mistakes people make."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

import opendata
from dataplatform_tests.cli.conftest import RATES
from dataplatform_tests.cli.shell import od
from opendata.wire import keys
from opendata.wire.errors import Conflict, Corrupt, InvalidInput, NotFound, Rejected

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-89", "B2"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
]
DAY_SECONDS = 86_400.0
ORPHAN = keys.object_key("ab" * 32)


def store_of(project: Path) -> Path:
    return project / ".opendata" / "store"


def make_older(project: Path, below: str, days: float) -> None:
    for path in (store_of(project) / below).rglob("*"):
        if path.is_file():
            written = path.stat().st_mtime - days * DAY_SECONDS
            os.utime(path, (written, written))


@pytest.fixture
def littered(project: Path, rates: str) -> str:
    """1.0.0, a candidate that was never frozen, and an object that nobody names; months old."""
    staged = store_of(project) / "staging" / rates
    abandoned = staged / ("cd" * 32)
    abandoned.mkdir()
    (abandoned / "verdict-contract.json").write_text("{}")
    orphan = store_of(project) / ORPHAN
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"left by a killed build")
    for below in ("objects", "staging"):
        make_older(project, below, 60)
    return rates


def test_retention_says_first_and_removes_only_when_told(project: Path, littered: str) -> None:
    looked = od("retention", littered)
    assert looked.code == 0, looked.err
    assert "would go" in looked.out and "old, and nothing names it" in looked.out
    assert "named by datasets/me/rates/releases/1.0.0.json" in looked.out
    assert "od retention --apply" in looked.err
    assert od("retention", littered, "-q").out.split() == ["cd" * 32]
    assert od("retention", "--ttl", "90d").out.startswith("data set")
    applied = od("retention", "--apply", "--json").json
    assert [one["candidate"] for one in applied["datasets"][0]["expired"]] == ["cd" * 32]
    assert not (store_of(project) / "staging" / littered / ("cd" * 32)).exists()
    assert "nothing has expired" in od("retention").out
    assert opendata.load(littered).shape == (3, 3)


def test_the_verb_of_python_does_the_same(littered: str) -> None:
    from opendata import releases

    looked = releases.enforce_retention(littered, 30, dry_run=True)
    assert (looked["applied"], len(looked["expired"])) == (False, 1)
    done = releases.enforce_retention(littered, ttl_days=30)
    assert [one["keeping"] for one in done["kept"]] == ["frozen"]
    assert releases.enforce_retention(littered)["expired"] == []
    with pytest.raises(InvalidInput, match="a day at least"):
        releases.enforce_retention(littered, 0)


def test_frozen_and_never_published_stays_and_is_said_to(
    project: Path, littered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataplatform.releases import chain
    from opendata.wire.errors import Unavailable

    def killed(*_: object) -> None:
        raise Unavailable("killed before the pointer moved")

    more = pa.table({name: RATES[name] for name in RATES.schema.names}).slice(0, 2)
    monkeypatch.setattr(chain, "publish_release", killed)
    with pytest.raises(Unavailable):
        opendata.push(more, littered)
    make_older(project, "staging", 60)
    answer = od("retention", littered, "--apply")
    assert "1.0.1 was frozen and never published: it stays, its number is taken" in answer.err
    assert (store_of(project) / "datasets" / littered / "releases" / "1.0.1.json").exists()


def test_a_pin_keeps_a_candidate(project: Path, littered: str) -> None:
    staged = {path.name for path in (store_of(project) / "staging" / littered).iterdir()}
    [digest] = staged - {"cd" * 32}
    pinned = od("retention", littered, "--pin", digest[:10], "--because", "an audit")
    assert "is pinned" in pinned.out, pinned.err
    assert (store_of(project) / f"datasets/{littered}/pins/{digest}.json").exists()
    assert od("retention", littered, "--pin", digest, "--json").json["changed"] is False
    assert "is no longer pinned" in od("retention", littered, "--unpin", digest).out


def test_collecting_takes_two_marks_and_is_careful_with_small_stores(
    project: Path, littered: str
) -> None:
    looked = od("gc", "--dry-run", "--json")
    assert looked.code == 0, looked.err
    assert looked.json["objects"]["unmarked"]["objects"] == 1
    assert [one["key"] for one in looked.json["unmarked"]] == [ORPHAN]
    assert not (store_of(project) / "gc").exists()
    marked = od("gc", "--apply")
    assert "removed nothing" in marked.out and "marked 1 object" in marked.err
    assert "compares with it from" in od("gc").err
    make_older(project, "gc/marks", 1)
    assert ORPHAN in od("gc").out
    refused = od("gc", "--apply")
    assert refused.code == Rejected.exit_code
    assert "more than 10% at once" in refused.err and "--force" in refused.err
    done = od("gc", "--apply", "--force")
    assert "removed 1 object, 22 B" in done.out
    assert not (store_of(project) / ORPHAN).exists()
    assert od("gc", "-q").out == ""
    assert opendata.verify(littered).passed


def test_an_object_is_explained(littered: str) -> None:
    assert "named by nobody; it may be marked from" in od("gc", "--explain", ORPHAN).out
    entry = od("releases", littered, "--json")
    assert entry.code == 0
    told = od("gc", "--explain", "ab" * 32, "--json").json
    assert (told["key"], told["named_by"]) == (ORPHAN, [])


def test_another_collection_and_damage_are_told(project: Path, littered: str) -> None:
    journal = store_of(project) / keys.collection_journal_key("one")
    journal.parent.mkdir(parents=True)
    journal.write_text("{}")
    waiting = od("gc", "--apply")
    assert waiting.code == Conflict.exit_code and "another collection is at work" in waiting.err
    journal.unlink()
    manifest = f"datasets/{littered}/releases/1.0.0.json"
    (store_of(project) / manifest).write_text("{")
    damaged = od("gc")
    assert damaged.code == Corrupt.exit_code
    assert manifest in damaged.err and "hint:" in damaged.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gc", "--apply", "--dry-run"], InvalidInput.exit_code, "exclude each other"),
        (["gc", "--force"], InvalidInput.exit_code, "--force goes with --apply"),
        (["gc", "--explain", "index.json"], InvalidInput.exit_code, "is no object"),
        (["retention", "me/rates", "--ttl", "1h"], InvalidInput.exit_code, "a day at least"),
        (["retention", "--ttl", "soon"], InvalidInput.exit_code, "is no duration"),
        (["retention", "me/rate"], NotFound.exit_code, "did you mean 'me/rates'?"),
        (["retention", "--pin", "ab"], InvalidInput.exit_code, "a pin needs a data set"),
        (["retention", "me/rates", "--pin", "0000"], NotFound.exit_code, "has no candidate 0000"),
        (["retention", "--because", "x"], InvalidInput.exit_code, "--because goes with --pin"),
    ],
)
@pytest.mark.usefixtures("littered")
def test_mistakes_are_answered(words: list[str], code: int, said: str) -> None:
    answer = od(*words)
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert "Traceback" not in answer.err


def test_an_empty_store_has_nothing_to_clean_and_a_missing_one_is_told(project: Path) -> None:
    assert [od(word).code for word in ("gc", "retention")] == [4, 4]
    assert not (project / ".opendata/store").exists()
    (project / ".opendata/store").mkdir(parents=True)
    assert [od(word).code for word in ("gc", "retention")] == [0, 0]


def test_what_interrupted_indexing_put_aside_goes_after_a_week(
    project: Path, littered: str
) -> None:
    folder = project / ".opendata" / "store" / "channels" / "images" / "v1.2.0" / "progress"
    folder.mkdir(parents=True)
    for name, days in (("old", 8), ("young", 6)):
        (folder / f"{name}-000000.parquet").write_bytes(b"rows")
        at = time.time() - days * 86_400
        os.utime(folder / f"{name}-000000.parquet", (at, at))
    old = "channels/images/v1.2.0/progress/old-000000.parquet"
    assert od("gc", "--json").json["abandoned_segments"] == [old]
    assert "to go: 1 abandoned segment" in od("gc").out
    assert "removed 1 abandoned segment" in od("gc", "--apply").out
    assert [one.name for one in folder.iterdir()] == ["young-000000.parquet"]
