"""What publishing tells readers: the matrix, the changelog and the migration guide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.publish import move_back
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.golden.examples import golden
from dataplatform_tests.reading.histories import (
    COUNT,
    NOTE,
    PERCENT,
    REGION,
    RENAMED,
    SHARE,
    WIDE_COUNT,
    History,
    as_share,
    yields,
)
from opendata.reading.lineage import stored_matrix
from opendata.reading.matrix import read_compatibility
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.compatibility import Matrix
from opendata.wire.version import parse_version


@pytest.fixture
def history(tmp_path: Path) -> History:
    """The whole story of a data set, in memory."""
    history = History(tmp_path, MemoryStore())
    count, wide = pa.array(range(40), pa.int32()), pa.array(range(40), pa.int64())
    share, words = as_share(yields(40)), pa.array(["n"] * 40)
    history.release({"10Y": yields(40), "trades": count}, PERCENT, COUNT)
    history.release({"y10": yields(40), "trades": count}, RENAMED, COUNT)
    history.release({"y10": share, "trades": count}, SHARE, COUNT)
    newest = {"y10": share, "trades": wide, "note": words, "region": words}
    fields = (SHARE, WIDE_COUNT, NOTE, REGION)
    history.release(newest, *fields)
    history.release(newest, *fields, shard="year", version="2.0.0")
    history.release({name: values[:39] for name, values in newest.items()}, *fields, shard="year")
    return history


def text(history: History, key: Any) -> str:
    data = history.bench.store.get(key(history.bench.dataset)).data
    return data.decode("utf-8")


def matrix_of(history: History) -> Matrix:
    matrix = stored_matrix(history.bench.store, history.bench.dataset)
    assert matrix is not None
    return matrix


def broken(history: History) -> set[str]:
    """Which of the three have to be repaired."""
    found = inspect(history.bench.ports, history.bench.dataset)
    names = {one.object.rpartition("/")[2] for one in found if one.repairable}
    return names & {"compatibility.json", "CHANGELOG.md", "MIGRATION.md"}


# --- what they say -------------------------------------------------------------------


@pytest.mark.requirement("S4-51")
def test_the_changelog_reads_as_if_a_person_had_written_it(history: History) -> None:
    assert text(history, keys.changelog_key) == golden("CHANGELOG.md").decode("utf-8")


@pytest.mark.requirement("S4-51", "S4-14")
def test_the_migration_guide_says_what_to_write_and_what_is_done_for_you(
    history: History,
) -> None:
    assert text(history, keys.migration_key) == golden("MIGRATION.md").decode("utf-8")


@pytest.mark.requirement("S4-50", "S4-56", "S4-95")
def test_the_matrix_has_a_verdict_for_every_reader_and_every_schema(history: History) -> None:
    matrix = matrix_of(history)
    schemas = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0"]
    assert [one.schema_version for one in matrix.schemas] == schemas
    assert matrix.schemas[-1].data_release == matrix.release == "2.0.1"
    assert [(one.reader, one.schema_version) for one in matrix.cells] == [
        (reader, schema) for reader in schemas for schema in schemas
    ]
    verdicts = {(one.reader, one.schema_version): one.verdict for one in matrix.cells}
    assert all(verdicts[one, one] == "compatible" for one in schemas)
    cell = next(
        one for one in matrix.cells if (one.reader, one.schema_version) == ("1.3.0", "2.0.0")
    )
    assert cell.adapters == ("routing_rules",)
    assert cell.reasons == ("shards are cut by year; paths of the cut by month are routed",)


def test_what_was_kept_up_release_by_release_is_what_is_made_anew(history: History) -> None:
    store, dataset = history.bench.store, history.bench.dataset
    before = {key: text(history, key) for key in (keys.changelog_key, keys.compatibility_key)}
    for key in (keys.compatibility_key, keys.changelog_key, keys.migration_key):
        store.delete(key(dataset))
    derive_copies(history.bench.ports, dataset)
    assert {key: text(history, key) for key in before} == before
    current = history.bench.current
    assert read_compatibility(store, current) == list(matrix_of(history).cells)


@pytest.mark.requirement("S4-14", "S4-51", "S4-57")
def test_where_no_adapter_leads_the_guide_says_why_and_what_can_still_be_read(
    tmp_path: Path,
) -> None:
    history = History(tmp_path, MemoryStore())
    history.release({"10Y": yields(3)}, PERCENT)
    history.release({"10Y": yields(3), "note": pa.array(["n"] * 3)}, PERCENT, NOTE)
    history.release({"note": pa.array(["n"] * 3)}, NOTE, version="2.0.0", reader_min="1.1.0")
    told = text(history, keys.migration_key)
    assert "Schema 1.0 is no longer served: readers need 1.1.0 at least." in told
    assert "## From 1.0" not in told
    assert "- Schema 2.0.0: '10Y' was dropped and no field has it as an alias." in told
    assert 'od.load("tests/rates@1.1.0")' in told
    change = text(history, keys.changelog_key).partition("## 2.0.0")[2].partition("## ")[0]
    assert "Readers of earlier schemas have to change." in change
    assert "- Column `10Y` was dropped." in change


# --- what they cost -------------------------------------------------------------------


@pytest.mark.requirement("S4-50")
def test_a_release_without_news_for_readers_reads_no_manifest_but_its_own(
    history: History,
) -> None:
    counting = FaultyStore(history.bench.store)
    bench = history.bench.on(counting)
    rows = {"y10": as_share(yields(38)), "trades": pa.array(range(38), pa.int64())}
    words = pa.array(["n"] * 38)
    published = bench.publish(
        pa.table({"day": history.read(None).column("day")[:38], **rows, "note": words,
                  "region": words})
    )  # fmt: skip
    counting.calls.clear()
    derive_copies(bench.ports, bench.dataset)
    asked = [key for _, key in counting.calls]
    manifests = {key for key in asked if "/releases/" in key}
    earlier = published.release.manifest.versioning.prev_release
    assert manifests == {
        keys.release_key(bench.dataset, parse_version(version))
        for version in (str(published.release.version), str(earlier))
    }
    told = ("compatibility.json", "CHANGELOG.md", "MIGRATION.md")
    assert sum(1 for key in asked if key.endswith(told)) <= 5


# --- when something goes wrong ----------------------------------------------------------


@pytest.mark.requirement("S4-55")
def test_a_rollback_is_told_and_every_schema_stays_in_the_matrix(history: History) -> None:
    move_back(history.bench.ports, history.bench.dataset, parse_version("1.3.0"))
    derive_copies(history.bench.ports, history.bench.dataset)
    told = text(history, keys.changelog_key)
    assert "The current release is 1.3.0." in told
    chapter = told.partition("## 1.3.0")[2].partition("## ")[0]
    assert "- Made the current release again by a rollback, " in chapter
    assert [one.schema_version for one in matrix_of(history).schemas][-1] == "2.0.0"
    assert text(history, keys.migration_key).startswith("# Moving to schema 1.3.0")
    assert broken(history) == set()


@pytest.mark.parametrize("name", ["compatibility.json", "CHANGELOG.md", "MIGRATION.md"])
@pytest.mark.parametrize("damage", ["lost", "altered"])
def test_each_is_found_damaged_and_made_again(history: History, name: str, damage: str) -> None:
    store = history.bench.store
    key = f"{keys.dataset_prefix(history.bench.dataset)}{name}"
    whole = store.get(key).data
    if damage == "lost":
        store.delete(key)
    else:
        store.put(key, whole.replace(b"routing_rules", b"magic").replace(b"year", b"week"))
    assert name in broken(history)
    repair(history.bench.ports, history.bench.dataset)
    assert broken(history) == set()
    assert store.get(key).data == whole


def test_killed_in_between_the_next_derivation_finishes(history: History) -> None:
    bench = history.bench
    key = keys.changelog_key(bench.dataset)
    faulty = bench.on(FaultyStore(bench.store, [Fault("put", key=key, times=1)]))
    columns = {
        "y10": as_share(yields(30)),
        "trades": pa.array(range(30), pa.int64()),
        "note": pa.array(["n"] * 30),
        "region": pa.array(["EU"] * 30),
    }
    history.bench = faulty
    with pytest.raises(Exception, match="scripted"):
        history.release(columns, SHARE, WIDE_COUNT, NOTE, REGION, shard="year")
    history.bench = bench
    assert "compatibility.json" in broken(history)
    derive_copies(bench.ports, bench.dataset)
    assert "## 2.0.2" in text(history, keys.changelog_key)
    assert broken(history) == set()


def test_an_earlier_release_that_is_gone_hides_nothing_else(history: History) -> None:
    store, dataset = history.bench.store, history.bench.dataset
    store.delete(keys.release_key(dataset, parse_version("1.1.0")))
    store.delete(keys.compatibility_key(dataset))
    derive_copies(history.bench.ports, dataset)
    assert [one.schema_version for one in matrix_of(history).schemas] == [
        "1.0.0", "1.2.0", "1.3.0", "2.0.0",
    ]  # fmt: skip
    assert "## 1.1.0" not in text(history, keys.changelog_key)


def test_a_lie_in_the_list_leads_to_no_wrong_reader(history: History) -> None:
    store, dataset = history.bench.store, history.bench.dataset
    key = keys.compatibility_key(dataset)
    wrong = store.get(key).data.replace(b'"data_release":"1.0.0"', b'"data_release":"1.2.0"')
    store.put(key, wrong)
    assert history.known_to("1.0").versioning.schema_version == "1.0.0"
