"""Golden releases: tables that were really published in several versions, released in turn.

What changed between two versions is counted here a second time, row by row in Python. Numbers,
counts and content hashes stand in `versions/releases.json`; see `versions/README.md` for sources.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata as od
from benchmarks.published_versions import TABLES, PublishedTable
from opendata import releases
from opendata.wire.errors import OpenDataError

HERE = Path(__file__).parent / "versions"
GOLDEN: dict[str, list[dict[str, Any]]] = json.loads((HERE / "releases.json").read_text())
PUBLISHED = {table.name: table for table in TABLES if (HERE / table.name).is_dir()}
WHOLE = ("media-types", "licences", "node-releases")
STEPS = [
    pytest.param(table, before, after, id=f"{table.name} {before} to {after}")
    for table in PUBLISHED.values()
    for before, after in pairwise(table.versions)
]


def path_of(table: PublishedTable, version: str) -> Path:
    return HERE / table.name / f"{version}.parquet"


def rows_of(table: PublishedTable, version: str) -> pa.Table:
    return pq.read_table(path_of(table, version))


def counted_by_hand(old: pa.Table, new: pa.Table, key: Sequence[str]) -> tuple[int, int, int]:
    """Rows added, removed and changed; without a key, as two bags of rows."""
    if not key:
        bags = [Counter(repr(row) for row in rows.to_pylist()) for rows in (old, new)]
        return (bags[1] - bags[0]).total(), (bags[0] - bags[1]).total(), 0
    before, after = (by_key(rows, key) for rows in (old, new))
    both = before.keys() & after.keys()
    return len(after) - len(both), len(before) - len(both), sum(before[k] != after[k] for k in both)


def by_key(rows: pa.Table, key: Sequence[str]) -> dict[Hashable, dict[str, Any]]:
    return {tuple(row[name] for name in key): row for row in rows.to_pylist()}


def counts(diff: dict[str, Any]) -> tuple[int, int, int]:
    return diff["added"], diff["removed"], diff["changed"]


@pytest.mark.requirement("S4-28", "S4-86", "B40")
@pytest.mark.parametrize(("table", "before", "after"), STEPS)
def test_the_rows_that_a_publisher_changed_are_counted(
    table: PublishedTable, before: str, after: str
) -> None:
    found = releases.diff_datasets(path_of(table, before), path_of(table, after), list(table.key))
    by_hand = counted_by_hand(rows_of(table, before), rows_of(table, after), table.key)
    assert counts(found["diff_R"]) == by_hand
    assert found["diff_R"]["keyed"] is bool(table.key)
    assert found["bump"] == "patch"
    assert not found["breaking"]


@pytest.mark.requirement("S4-28")
@pytest.mark.parametrize("name", WHOLE)
def test_whole_tables_changed_as_much_as_is_known_of_them(name: str) -> None:
    table = PUBLISHED[name]
    steps = pairwise(table.versions)
    found = [releases.diff_datasets(path_of(table, a), path_of(table, b), table.key)
             for a, b in steps]  # fmt: skip
    assert tuple(counts(diff["diff_R"]) for diff in found) == table.steps


@pytest.mark.requirement("S4-7", "S4-8", "S4-9", "S4-16", "S4-27", "S4-31", "S4-67", "S4-70")
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_versions_become_the_golden_releases(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", str(tmp_path))
    table, dataset = PUBLISHED[name], f"golden/{name}"
    for version, expected in zip(table.versions, GOLDEN[name], strict=True):
        rows = rows_of(table, version)
        with pytest.warns(UserWarning, match="sign"):
            pushed = od.push(
                rows,
                dataset,
                title=name,
                license=table.licence,
                contract={"primary_key": list(table.key)},
            )
        manifest = od.dataset(f"{dataset}@{pushed.release}").release.manifest
        assert {
            "version": version,
            "release": pushed.release,
            "content_hash": manifest.integrity.content_hash,
            "counts": list(counts(manifest.changelog.diff_R)),
        } == expected
    for version, expected in zip(table.versions, GOLDEN[name], strict=True):
        loaded = od.load(f"{dataset}@{expected['release']}", format="arrow")
        assert in_order(loaded) == in_order(rows_of(table, version))


@pytest.mark.requirement("S4-16")
def test_a_version_that_changes_nothing_is_no_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", str(tmp_path))
    table = PUBLISHED["licences"]
    rows = rows_of(table, "6.9.0")
    with pytest.warns(UserWarning, match="sign"):
        first = od.push(
            rows, "golden/licences", license="CC0-1.0", contract={"primary_key": ["id"]}
        )
    again = od.push(rows, "golden/licences")
    assert (first.release, again.release, again.changed) == ("1.0.0", "1.0.0", False)


@pytest.mark.requirement("S4-13", "S4-22", "S4-23", "S4-29", "S4-71")
def test_a_text_that_became_a_time_breaks_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", str(tmp_path))
    before, after = (HERE / "flights" / f"{version}.parquet" for version in ("2.11.0", "3.1.0"))
    found = releases.diff_datasets(before, after)
    assert (found["breaking"], found["bump"], found["diff_R"]["keyed"]) == (True, "major", False)
    breaking = [change for change in found["diff_S"]["Type_change"] if "breaking" in change]
    assert [change["field"] for change in breaking] == ["date"]  # others differ in layout alone
    with pytest.warns(UserWarning, match="sign"):
        od.push(before, "golden/flights", license="BSD-3-Clause")
    with pytest.raises(OpenDataError, match="column 'date' is timestamp"):
        od.push(after, "golden/flights")  # the contract is the first release's schema
    fields = [{"name": f.name, "type": str(f.type)} for f in pq.read_schema(after)]
    with pytest.raises(OpenDataError, match=r"breaks readers of 1\.0\.0") as refused:
        od.push(after, "golden/flights", contract={"fields": fields})
    assert "'date' changed from string to timestamp[us]" in refused.value.message
    assert od.load("golden/flights", format="arrow").schema.field("date").type == pa.string()
    with pytest.warns(UserWarning, match="sign"):
        pushed = od.push(
            after, "golden/flights", contract={"fields": fields}, release={"version": "2.0.0"}
        )
    assert pushed.release == "2.0.0"


def in_order(rows: pa.Table) -> list[str]:
    return sorted(map(repr, rows.to_pylist()))
