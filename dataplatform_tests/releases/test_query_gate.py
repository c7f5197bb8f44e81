"""The quality gate asks queries of candidate and current release, where thresholds want it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataplatform.contracts.performance import LookUps, Pruning
from dataplatform.contracts.report import Report
from dataplatform.errors import GateClosed
from dataplatform.releases.freeze import freeze_candidate
from dataplatform.releases.gate import Gated, gate_candidate
from dataplatform.releases.validate import validate_candidate
from dataplatform_tests.fakes.gates import FakeQueryProbe
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.stores.memory import MemoryStore
from opendata.wire.codec import read_json
from opendata.wire.errors import InvalidInput

pytestmark = pytest.mark.requirement("S4-46")
QUALITY = [
    {"metric": "query_latency", "max_ratio": 1.5},
    {"metric": "pruning", "field": "day", "min": 0.8, "min_ratio": 0.9},
]
WELL_LAID = Pruning(queries=5, groups=10, groups_read=5, shards=1, shards_read=5)


def took(ratio: float) -> LookUps:
    return LookUps(("day",), 5, 7, 0.001 * ratio, 0.001, ratio)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(
        MemoryStore(),
        tmp_path,
        group_rows=2,
        contract={"primary_key": ["day"], "fields": [{"name": "day", "type": "date32"},
                                                     {"name": "rate", "type": "float64"}]},
        quality=QUALITY,
    )  # fmt: skip


def told(bench: Bench, probe: FakeQueryProbe) -> Bench:
    return replace(bench, ports=replace(bench.ports, probe=probe))


def gated(bench: Bench, digest: str) -> Gated:
    return gate_candidate(bench.ports, bench.dataset, digest)


def test_a_release_is_followed_by_its_queries_from_the_first_on(bench: Bench) -> None:
    first = bench.publish(rates(*range(10))).release.manifest
    report = read_json(bench.store.get(first.reports["quality"]).data, "the report")
    latency, pruning = Report.from_json(report).findings
    assert "first release" in latency.message
    assert pruning.value == 1.0
    figures = gated(bench, bench.stage(rates(*range(12)))).report.figures
    assert set(figures) == {"query_latency", "pruning(day)"}


@pytest.mark.requirement("S4-10")
def test_a_candidate_whose_look_ups_are_slower_is_never_frozen(bench: Bench) -> None:
    bench.publish(rates(1, 2))
    digest = told(bench, FakeQueryProbe(took(3.0), WELL_LAID)).stage(rates(1, 2, 3))
    with pytest.raises(GateClosed, match="quality gate said no"):
        freeze_candidate(bench.ports, bench.dataset, digest, RUN)


def test_a_candidate_that_a_busy_machine_made_slow_can_be_looked_at_again(bench: Bench) -> None:
    bench.publish(rates(1, 2))
    digest = told(bench, FakeQueryProbe(took(3.0), WELL_LAID)).stage(rates(1, 2, 3))
    assert gated(told(bench, FakeQueryProbe(took(1.0), WELL_LAID)), digest).report.passed
    assert bench.freeze(digest).release.manifest.row_count == 3


def test_the_same_rows_are_not_timed_against_themselves(bench: Bench) -> None:
    bench.publish(rates(1, 2))
    probe = FakeQueryProbe(took(3.0), WELL_LAID)
    again = told(bench, probe).build(rates(1, 2), code="2").digest
    assert gated(told(bench, probe), again).report.passed
    assert probe.asked == [("pruning", "day")]


def test_look_ups_go_by_the_key_else_by_the_time(bench: Bench) -> None:
    probe = FakeQueryProbe(took(1.0), WELL_LAID)
    told(bench, probe).stage(rates(1))
    assert ("look_ups", "day") in probe.asked
    by_time = told(bench, probe).declared(time="day", quality=QUALITY[:1])
    probe.asked.clear()
    by_time.stage(rates(1))
    assert probe.asked == [("look_ups", "day")]


def test_rows_without_key_and_time_need_a_named_field(bench: Bench) -> None:
    probe = FakeQueryProbe(took(1.0), WELL_LAID)
    plain = told(bench, probe).declared(quality=QUALITY[:1])
    digest = plain.build(rates(1)).digest
    validate_candidate(plain.ports, plain.dataset, digest)
    (finding,) = gated(plain, digest).report.findings
    assert not finding.passed
    assert "fields: [...]" in str(finding.hint)
    assert probe.asked == []


@pytest.mark.requirement("M-10")
def test_a_column_that_cannot_be_asked_closes_the_gate_in_words(bench: Bench) -> None:
    refusal = InvalidInput("day cannot be filtered by", hint="name another column")
    probe = FakeQueryProbe(refusal, refusal)
    report = gated(told(bench, probe), told(bench, probe).build(rates(1)).digest).report
    assert [f.message for f in report.failures] == ["not evaluated: day cannot be filtered by"] * 2


def test_without_such_thresholds_nothing_is_asked(bench: Bench) -> None:
    probe = FakeQueryProbe(took(1.0), WELL_LAID)
    told(bench, probe).declared(quality=[]).stage(rates(1))
    assert probe.asked == []
