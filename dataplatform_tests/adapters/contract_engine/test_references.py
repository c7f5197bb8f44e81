"""Values that have to exist in another data set: what passes, what fails, and which are named."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.model import Contract
from dataplatform.contracts.referential import Pinned, PinnedTable, referential_rules
from dataplatform.contracts.report import Finding
from dataplatform.contracts.shard_facts import KnownShard
from dataplatform_tests.adapters.parquet import written
from opendata.wire.errors import NotFound, OpenDataError

pytestmark = pytest.mark.requirement("S4-43")
FLIGHTS = Path(__file__).parent / "nycflights"
DIGEST = "ab" * 32


def rule(fields: list[str], dataset: str, there: list[str], **stated: Any) -> dict[str, Any]:
    references = {"dataset": dataset, "fields": there}
    return {"kind": "referential", "fields": fields, "references": references, **stated}


def pinned_to(contract: Contract, files: dict[str, list[str]]) -> Pinned:
    return {
        one.references: PinnedTable(
            one.references.dataset, "1.0.0", DIGEST, files[one.references.dataset]
        )
        for one in referential_rules(contract.rules)
    }


def judged(
    folder: Path,
    rows: pa.Table | dict[str, Any],
    there: pa.Table | dict[str, Any],
    **stated: Any,
) -> Finding:
    """The finding of one rule over `rows`, whose fields are all looked up in `there`."""
    here = rows if isinstance(rows, pa.Table) else pa.table(rows)
    other = there if isinstance(there, pa.Table) else pa.table(there)
    contract = Contract.model_validate(
        {"rules": [rule(here.column_names, "ns/there", other.column_names, **stated)]}
    )
    pinned = pinned_to(contract, {"ns/there": [written(folder, other, "there.parquet")]})
    report, _ = DuckDBContractEngine().check(
        [written(folder, here)], contract, time=None, pinned=pinned
    )
    return report.findings[-1]


# --- values -----------------------------------------------------------------------------

DAY, MOMENT = date(2024, 1, 1), datetime(2024, 1, 1, 12)  # noqa: DTZ001 - a local time is meant


@pytest.mark.parametrize(
    ("here", "there", "missing"),
    [
        (["a", "b", "a"], ["a", "b"], []),
        (["a", "x", "x", "y"], ["a", "b"], [("x", 2), ("y", 1)]),
        ([None, "a"], ["a"], []),
        (["a", "x"], ["a", None], [("x", 1)]),
        (["", "A"], ["a"], [("", 1), ("A", 1)]),
        (pa.array(["a", "x"]).dictionary_encode(), ["a"], [("x", 1)]),
        (pa.array([1, 300], pa.int16()), pa.array([1, 2], pa.uint64()), [(300, 1)]),
        ([2**62, 2**62 + 1], [2**62], [(str(2**62 + 1), 1)]),
        ([1, 2], pa.array([Decimal("1.00")]), [(2, 1)]),
        ([0.1, 0.2], pa.array([0.1], pa.float64()), [(0.2, 1)]),
        ([True, False], [True], [(False, 1)]),
        ([DAY], [DAY], []),
        (pa.array([MOMENT], pa.timestamp("ns")), pa.array([MOMENT], pa.timestamp("s")), []),
        (
            pa.array([7_200], pa.timestamp("s", "Asia/Tokyo")),
            pa.array([7_200_000], pa.timestamp("ms", "UTC")),
            [],
        ),
        (
            pa.array([1, 2], pa.timestamp("ns", "UTC")),
            pa.array([1], pa.timestamp("ns", "UTC")),
            [("1970-01-01T00:00:00.000000002Z", 1)],
        ),
        ([b"a", b"x"], [b"a"], [("eA==", 1)]),
    ],
)
def test_values_are_compared_by_value(
    tmp_path: Path, here: Any, there: Any, missing: list[tuple[Any, int]]
) -> None:
    finding = judged(tmp_path, {"code": here}, {"key": there})
    assert finding.passed == (not missing)
    assert [(s["code"], s["#rows"]) for s in finding.samples] == missing
    assert finding.failing == sum(count for _, count in missing)


def test_several_fields_have_to_exist_together(tmp_path: Path) -> None:
    rows = {"carrier": ["A", "A", "B", None, "A"], "day": [1, 2, 1, 1, None]}
    finding = judged(tmp_path, rows, {"code": ["A", "B", None], "day": [1, 2, 1]})
    assert finding.checked == 3  # a null among them is no reference
    assert [(s["carrier"], s["day"]) for s in finding.samples] == [("A", 2), ("B", 1)]
    assert finding.message == (
        "2 values in 2 of 3 rows without a row in ns/there@1.0.0 (code, day)"
    )


def test_nulls_may_be_made_to_fail(tmp_path: Path) -> None:
    rows = {"code": ["a", None, None]}
    assert judged(tmp_path, rows, {"key": ["a"]}).passed
    finding = judged(tmp_path, rows, {"key": ["a"]}, nulls="fail")
    assert (finding.checked, finding.failing) == (3, 2)
    assert finding.samples == ({"code": None, "#rows": 2},)


def test_a_report_names_the_release_that_was_looked_up_in(tmp_path: Path) -> None:
    expected = {"id": "ns/there", "release": "1.0.0", "manifest_sha256": DIGEST}
    for rows in ({"code": ["a"]}, {"code": ["x"]}):
        assert judged(tmp_path, rows, {"key": ["a"]}).reference == expected


def test_many_missing_values_are_counted_and_the_most_frequent_shown(tmp_path: Path) -> None:
    codes = [f"x{n}" for n in range(100)] + ["often"] * 3
    finding = judged(tmp_path, {"code": codes}, {"key": ["a"]})
    assert finding.message.startswith("101 values in 103 of 103 rows")
    assert len(finding.samples) == 20
    assert finding.samples[0] == {"code": "often", "#rows": 3}


# --- what cannot be looked up -------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ([1], ["1"], "'code' is int64, 'key' of ns/there@1.0.0 is string"),
        ([1], [1.0], "they never compare as equal"),
        ([DAY], [MOMENT], "they never compare as equal"),
        ([MOMENT], pa.array([1], pa.timestamp("us", "UTC")), "they never compare as equal"),
    ],
)
def test_columns_that_never_compare_are_told_and_not_all_missing(
    tmp_path: Path, here: Any, there: Any, told: str
) -> None:
    finding = judged(tmp_path, {"code": here}, {"key": there})
    assert finding.blocks
    assert "not evaluated" in finding.message
    assert told in finding.message


@pytest.mark.parametrize(
    ("pin", "told"),
    [
        (None, "no release of ns/there is pinned for it"),
        (NotFound("ns/there@1.0.0 is gone", hint="od releases ns/there"), "ns/there@1.0.0 is gone"),
        (PinnedTable("ns/there", "1.0.0", DIGEST, ["/nowhere.parquet"]), "cannot be read"),
        (PinnedTable("ns/there", "1.0.0", DIGEST, []), "cannot be read"),
        ("another column", "ns/there@1.0.0 has no column 'key'"),
    ],
)
def test_what_cannot_be_looked_up_has_not_passed(tmp_path: Path, pin: Any, told: str) -> None:
    contract = Contract.model_validate({"rules": [rule(["code"], "ns/there", ["key"])]})
    if pin == "another column":
        path = written(tmp_path, {"other": ["a"]}, "there.parquet")
        pin = PinnedTable("ns/there", "1.0.0", DIGEST, [path])
    [one] = referential_rules(contract.rules)
    pinned = {} if pin is None else {one.references: pin}
    report, _ = DuckDBContractEngine().check(
        [written(tmp_path, {"code": ["a"]})], contract, time=None, pinned=pinned
    )
    finding = report.findings[-1]
    assert not report.passed
    assert told in finding.message
    if isinstance(pin, OpenDataError):
        assert finding.hint == "od releases ns/there"


# --- real tables ------------------------------------------------------------------------


def test_real_flights_refer_to_planes_and_airports_that_are_not_listed() -> None:
    stated = [
        rule(["tailnum"], "nycflights/planes", ["tailnum"]),
        rule(["dest"], "nycflights/airports", ["faa"]),
        rule(["origin"], "nycflights/airports", ["faa"]),
        rule(["carrier"], "nycflights/airlines", ["carrier"]),
    ]
    contract = Contract.model_validate({"rules": stated})
    tables = ("planes", "airports", "airlines")
    files = {f"nycflights/{name}": [str(FLIGHTS / f"{name}.parquet")] for name in tables}
    report, _ = DuckDBContractEngine().check(
        [str(FLIGHTS / "flights.parquet")],
        contract,
        time="time_hour",
        pinned=pinned_to(contract, files),
    )
    planes, dest, origin, carrier = report.findings[-4:]
    assert planes.message == (
        "209 values in 422 of 2,556 rows without a row in nycflights/planes@1.0.0 (tailnum)"
    )
    assert {sample["dest"]: sample["#rows"] for sample in dest.samples} == {
        "SJU": 56, "BQN": 7, "STT": 6, "PSE": 2,
    }  # fmt: skip
    assert origin.passed
    assert carrier.passed


# --- facts of shards --------------------------------------------------------------------


def test_unchanged_shards_are_not_asked_again_until_the_reference_moves(tmp_path: Path) -> None:
    shards = [{"day": [1, 2], "code": ["a", "b"]}, {"day": [3, 4], "code": ["a", "x"]}]
    files = [written(tmp_path, rows, f"{at}.parquet") for at, rows in enumerate(shards)]
    contract = Contract.model_validate(
        {"primary_key": ["day"], "rules": [rule(["code"], "ns/there", ["key"])]}
    )
    [one] = referential_rules(contract.rules)

    def checked(there: list[str], digest: str, known: list[KnownShard]) -> Any:
        path = written(tmp_path, {"key": there}, f"{digest[:2]}.parquet")
        pinned = {one.references: PinnedTable("ns/there", "1.0.0", digest, [path])}
        return DuckDBContractEngine().check(files, contract, time=None, known=known, pinned=pinned)

    unknown = [KnownShard(f"{at}" * 64, {}) for at in range(2)]
    report, profile = checked(["a", "b"], DIGEST, unknown)
    assert report.findings[-1].failing == 1
    kept = {shard.sha256: shard for shard in profile.sharded.shards}
    known = [KnownShard(shard.sha256, {}, kept[shard.sha256]) for shard in unknown]
    again, _ = checked(["a", "b"], DIGEST, known)
    assert again == report
    _, moved = checked(["a", "b", "x"], "cd" * 32, unknown)
    assert moved.sharded.contract != profile.sharded.contract


def test_the_cut_is_as_its_readme_says() -> None:
    assert pq.read_metadata(FLIGHTS / "flights.parquet").num_rows == 2_556
    assert "CC0-1.0" in (FLIGHTS / "README.md").read_text()
