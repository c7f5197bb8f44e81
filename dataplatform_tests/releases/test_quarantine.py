"""Rows that break a rule leave the candidate, are kept aside, and the release goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.report import Report
from dataplatform.datasets.producing import ProduceRequest
from dataplatform.errors import GateClosed
from dataplatform.releases.build import Built, build_candidate
from dataplatform.releases.chain import require_passed
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.validate import validate_candidate
from dataplatform_tests.fakes.runner import FakeRunner
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.cache import Cache
from opendata.reading.quarantine import quarantine_manifest
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore
from opendata.wire.codec import replace as with_fields
from opendata.wire.errors import Rejected
from opendata.wire.ids import parse_reference
from opendata.wire.manifest import Manifest, named_objects

pytestmark = pytest.mark.requirement("S4-43", "S4-10")
DAYS = 90
RULES = [
    {"kind": "range", "field": "rate", "min": 0, "action": "quarantine"},
    {"kind": "not_null", "field": "code", "action": "quarantine"},
]


def quarantining(tmp_path: Path, *rules: dict[str, Any], **sections: Any) -> Bench:
    """A data set of daily rates in monthly shards, judged by the real engine."""
    contract = {"primary_key": ["day"], "rules": list(rules or RULES)}
    stated = {"time": "day", "release": {"shard": "month"}, "contract": contract, **sections}
    bench = make_bench(FolderStore(tmp_path / "store"), tmp_path, **stated)
    return replace(bench, ports=replace(bench.ports, engine=DuckDBContractEngine()))


def daily(rates: dict[int, float] | None = None, codes: dict[int, str | None] | None = None,
          days: range = range(DAYS)) -> pa.Table:  # fmt: skip
    """Good rows of a quarter, but for what is given by day."""
    first = 19_723  # 2024-01-01
    return pa.table(
        {
            "day": pa.array([first + day for day in days], pa.int32()).cast(pa.date32()),
            "rate": [(rates or {}).get(day, float(day)) for day in days],
            "code": [(codes or {}).get(day, "x") for day in days],
        }
    )


def aside(bench: Bench, manifest: Manifest) -> pa.Table:
    return read_table(Access(bench.store, Cache(None), ReadStats()), quarantine_manifest(manifest))


def report_of(bench: Bench, digest: str) -> Report:
    return validate_candidate(bench.ports, bench.dataset, digest).report


def test_the_release_goes_on_without_the_rows_that_break_a_rule(tmp_path: Path) -> None:
    bench = quarantining(tmp_path)
    bench.release(daily({3: -1.0, 40: float("nan")}, {40: None}))
    manifest = bench.current.manifest
    assert manifest.row_count == DAYS - 2
    assert min(bench.read().column("rate").to_pylist()) >= 0
    assert manifest.quarantined is not None
    assert manifest.quarantined.rules == {"not_null(code)": 1, "range(rate)": 2}
    table = aside(bench, manifest)
    assert table.column_names == ["day", "rate", "code", "#rule", "#reason"]
    assert table.column("#rule").to_pylist() == ["range(rate)", "range(rate); not_null(code)"]
    assert table.column("#reason").to_pylist()[0] == "rate not at least 0"
    assert table.column("code").to_pylist() == ["x", None]


def test_the_report_passes_and_counts_them(tmp_path: Path) -> None:
    bench = quarantining(tmp_path)
    report = report_of(bench, bench.build(daily({3: -1.0})).digest)
    assert report.passed
    taken = {f.rule: f.quarantined for f in report.findings if isinstance(f.quarantined, int)}
    assert taken == {"range(rate)": 1}
    [finding] = [f for f in report.findings if f.rule == "range(rate)"]
    assert (finding.passed, finding.checked, finding.failing) == (True, DAYS - 1, 0)
    assert finding.message == "89 values, all good; 1 row in quarantine"


def test_a_release_names_its_quarantine_so_that_it_is_verified_and_kept(tmp_path: Path) -> None:
    bench = quarantining(tmp_path)
    bench.release(daily({3: -1.0}))
    manifest = bench.current.manifest
    assert manifest.quarantined is not None
    file = manifest.quarantined.file
    assert manifest.quarantine == file.path
    assert {file.path, file.chunks} <= set(named_objects(manifest))
    reference = parse_reference(str(bench.dataset))
    assert verify_dataset(bench.store, reference, None).passed
    (Path(tmp_path / "store") / file.path).write_bytes(b"damaged")
    found = verify_dataset(bench.store, reference, None)
    assert [damage.object for damage in found.damaged] == [file.path]


def test_unchanged_rows_give_the_same_candidate_and_untouched_shards_stay(tmp_path: Path) -> None:
    bench = quarantining(tmp_path)
    rows = daily({3: -1.0, 70: -2.0})
    first = bench.build(rows)
    assert bench.build(rows).digest == first.digest
    bench.release(rows)
    again = bench.build(rows)
    assert again.digest == first.digest
    assert again.written == 0
    clean = bench.build(daily())
    assert {e.name for e in clean.candidate.files if e.name in clean.new_shards} == {
        "2024-01", "2024-03",
    }  # fmt: skip


def test_without_such_rows_a_candidate_is_what_it_would_be_without_the_action(
    tmp_path: Path,
) -> None:
    plain = [{name: v for name, v in rule.items() if name != "action"} for rule in RULES]
    with_action = quarantining(tmp_path).build(daily()).candidate
    without = quarantining(tmp_path, *plain).build(daily()).candidate
    assert with_action.files == without.files
    assert with_action.quarantine is None
    assert "quarantined" not in with_action.to_json()


@pytest.mark.parametrize(("limit", "passes"), [(2, True), (1, False), ("3%", True), ("1%", False)])
def test_more_rows_than_the_limit_close_the_gate_and_none_is_taken(
    tmp_path: Path, limit: int | str, passes: bool
) -> None:
    bench = quarantining(tmp_path, RULES[0] | {"quarantine_max": limit})
    built = bench.build(daily({3: -1.0, 70: -2.0}))
    report = report_of(bench, built.digest)
    assert report.passed is passes
    assert built.candidate.row_count == (DAYS - 2 if passes else DAYS)
    if not passes:
        with pytest.raises(GateClosed, match="quarantine takes at most"):
            require_passed(bench.dataset, report)


def test_a_source_that_breaks_as_a_whole_empties_nothing(tmp_path: Path) -> None:
    bench = quarantining(tmp_path)
    broken = daily(dict.fromkeys(range(DAYS), -1.0))
    assert not report_of(bench, bench.build(broken).digest).passed
    everything = quarantining(tmp_path, RULES[0] | {"quarantine_max": "100%"})
    with pytest.raises(Rejected, match="nothing is left") as refused:
        everything.build(broken)
    assert refused.value.hint


def test_a_shard_of_nothing_but_broken_rows_goes(tmp_path: Path) -> None:
    bench = quarantining(tmp_path, RULES[0] | {"quarantine_max": "50%"})
    bench.release(daily(dict.fromkeys(range(31, 60), -1.0)))
    assert [entry.name for entry in bench.current.manifest.files] == ["2024-01", "2024-03"]
    assert aside(bench, bench.current.manifest).num_rows == 29


def test_repeated_rows_are_all_taken_so_that_the_key_holds(tmp_path: Path) -> None:
    rule = {"kind": "unique", "field": "day", "action": "quarantine"}
    bench = quarantining(tmp_path, rule)
    rows = pa.concat_tables([daily(), daily({5: 99.0}, days=range(5, 6))])
    bench.release(rows)
    assert bench.current.manifest.row_count == DAYS - 1
    assert sorted(aside(bench, bench.current.manifest).column("rate").to_pylist()) == [5.0, 99.0]


def test_a_part_of_time_replaces_its_own_quarantine_and_leaves_the_rest(tmp_path: Path) -> None:
    bench = quarantining(tmp_path, RULES[0] | {"quarantine_max": "10%"})
    bench.release(daily({3: -1.0, 70: -2.0}))
    march = [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 31)]
    for rates, left in (({75: -3.0, 76: -4.0}, [-1.0, -3.0, -4.0]), ({}, [-1.0])):
        built = build_of(bench, daily(rates, days=range(60, DAYS)), *march)
        quarantined = built.candidate.quarantined
        assert quarantined is not None
        assert quarantined.rules == {"range(rate)": len(left)}
        seen = with_fields(bench.current.manifest, quarantined=quarantined)
        assert aside(bench, seen).column("rate").to_pylist() == left


def build_of(bench: Bench, table: pa.Table, start: datetime, end: datetime) -> Built:
    """A build of an interval, whose producer yields this table."""
    ingredients = Ingredients(
        definition=bench.definition,
        code={"main_sha256": "1", "definition_sha256": "d" * 64},
        readme=None,
        current=bench.current,
        preview_rows=10,
    )
    request = ProduceRequest(bench.dataset, Path("main.py"), 60.0, start_at=start, end_at=end)
    ports = replace(bench.ports, runner=FakeRunner(table))
    return build_candidate(ports, ingredients, request, lambda level, line: None)
