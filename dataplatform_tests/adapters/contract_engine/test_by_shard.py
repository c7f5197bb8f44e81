"""Judging shard by shard: the same verdict and figures, and unchanged shards are not read again."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.adapters.arrange.arrow import ArrowArranger
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.workbench.session import LocalWorkbench
from dataplatform.contracts.model import Contract
from dataplatform.contracts.profile import Profile, ShardedFacts
from dataplatform.contracts.report import Report
from dataplatform.contracts.shard_facts import KnownShard
from dataplatform.releases.ports import Arrangement
from opendata.wire.codec import replace

SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        ("id", pa.int64()),
        ("name", pa.string()),
        ("price", pa.float64()),
        ("open", pa.bool_()),
    ]
)
CONTRACT = Contract.model_validate(
    {
        "primary_key": ["day", "id"],
        "fields": [{"name": f.name, "type": str(f.type).split("[")[0]} for f in SCHEMA],
        "rules": [
            {"kind": "range", "field": "price", "min": 0, "max": 50},
            {"kind": "not_null", "fields": ["name"]},
            {"kind": "unique", "fields": ["id"]},
            {"kind": "cross_field", "expr": "price < id + 40 OR open"},
        ],
    }
)
ENGINE = DuckDBContractEngine()


def table(rows: list[tuple[int, str | None, float | None, bool | None]]) -> pa.Table:
    """Three rows a day from 2026 on, numbered as they come."""
    days = [20_454 + at // 3 for at in range(len(rows))]
    columns = [days, list(range(len(rows))), *map(list, zip(*rows, strict=True))]
    del columns[2]
    return pa.table([pa.array(days, pa.int32()).cast(pa.date32()), *columns[1:]], schema=SCHEMA)


def sharded(folder: Path, rows: pa.Table) -> tuple[list[str], list[KnownShard]]:
    """The rows by day as the workbench writes them, with what it knows of each shard."""
    files, known = [], []
    folder.mkdir()
    bench = LocalWorkbench(folder / "work", ArrowArranger(), group_rows=2)
    with bench.session() as session:
        session.begin(Arrangement(SCHEMA, ("day", "id"), "day", "day", {}), lambda *shard: None)
        for batch in rows.to_batches():
            session.receive(batch)
        for shard in session.shards():
            assert shard.parquet is not None
            path = folder / f"{shard.entry.name}.parquet"
            path.write_bytes(Path(shard.parquet.path).read_bytes())
            files.append(str(path))
            known.append(KnownShard(shard.entry.sha256, shard.entry.stats))
    return files, known


def facts_of(profile: Profile) -> ShardedFacts:
    assert isinstance(profile.sharded, ShardedFacts)
    return profile.sharded


def findings(report: Report) -> list[dict[str, Any]]:
    return [finding.to_json() for finding in report.findings]


ROWS = st.lists(
    st.tuples(
        st.just(0),
        st.one_of(st.none(), st.sampled_from(["a", "b", "é"])),
        st.one_of(st.none(), st.floats(-10, 60), st.just(math.nan), st.just(math.inf)),
        st.one_of(st.none(), st.booleans()),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.requirement("S1-27")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS)
def test_shards_add_up_to_the_report_and_profile_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str | None, float | None, bool | None]],
) -> None:
    files, known = sharded(tmp_path_factory.mktemp("shards") / "all", table(rows))
    whole_report, whole = ENGINE.check(files, CONTRACT, time="day")
    report, profile = ENGINE.check(files, CONTRACT, time="day", known=known)
    assert len(facts_of(profile).shards) == len(files)
    assert findings(report) == findings(whole_report)
    assert (profile.row_count, profile.time_min, profile.time_max) == (
        whole.row_count,
        whole.time_min,
        whole.time_max,
    )
    for name, column in whole.columns.items():
        added = profile.columns[name]
        assert (added.null_count, added.nan_count) == (column.null_count, column.nan_count)
        assert (added.min, added.max) == (column.min, column.max)
        assert added.mean == pytest.approx(column.mean)


PLAIN = [(0, "a", float(at), True) for at in range(12)]


@pytest.mark.requirement("S1-27", "S4-42")
def test_a_shard_whose_facts_are_known_is_not_read_again(tmp_path: Path) -> None:
    files, known = sharded(tmp_path / "all", table(PLAIN))
    report, profile = ENGINE.check(files, CONTRACT, time="day", known=known)
    facts = {shard.sha256: shard for shard in facts_of(profile).shards}
    for path in files[:-1]:
        _spoil_pages(Path(path))
    again = [KnownShard(one.sha256, one.stats, facts[one.sha256]) for one in known[:-1]]
    seen = ENGINE.check(files, CONTRACT, time="day", known=[*again, known[-1]])
    assert report.passed
    assert seen == (report, profile)


def test_keys_that_repeat_across_shards_are_found_although_each_shard_is_sound(
    tmp_path: Path,
) -> None:
    rows = table(PLAIN)
    twice = rows.set_column(1, SCHEMA.field("id"), pa.array([*range(9), 0, 1, 2], pa.int64()))
    files, known = sharded(tmp_path / "all", twice)
    report, _ = ENGINE.check(files, CONTRACT, time="day", known=known)
    broken = [finding for finding in report.findings if not finding.passed]
    assert [(finding.fields, finding.failing) for finding in broken] == [(("id",), 6)]


def test_a_broken_rule_in_a_known_shard_still_blocks(tmp_path: Path) -> None:
    files, known = sharded(tmp_path / "all", table([(0, "a", 99.0, True), *PLAIN]))
    report, profile = ENGINE.check(files, CONTRACT, time="day", known=known)
    facts = facts_of(profile).shards
    again = [
        KnownShard(one.sha256, one.stats, kept) for one, kept in zip(known, facts, strict=True)
    ]
    assert not report.passed
    assert findings(ENGINE.check(files, CONTRACT, time="day", known=again)[0]) == findings(report)


def _spoil_pages(path: Path) -> None:
    """Damage everything but the footer, so that reading any row would fail."""
    data = bytearray(path.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    data[4:-footer] = b"\xff" * (len(data) - footer - 4)
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"\w"):
        pq.read_table(path)


@pytest.mark.requirement("S1-27")
def test_facts_that_were_counted_under_other_questions_are_not_added_up(tmp_path: Path) -> None:
    files, known = sharded(tmp_path / "all", table(PLAIN))
    whole, profile = ENGINE.check(files, CONTRACT, time="day", known=known)
    fewer = [
        dataclasses.replace(shard, facts=replace(facts, counts=facts.counts[1:]))
        for shard, facts in zip(known, facts_of(profile).shards, strict=True)
    ]
    report, _ = ENGINE.check(files, CONTRACT, time="day", known=fewer)
    assert findings(report) == findings(whole)
