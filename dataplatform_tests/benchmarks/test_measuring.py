"""How figures are measured, judged and laid out; what they are is no test's business."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import __main__ as command
from benchmarks.cases import Case, Goal
from benchmarks.measure import Plan, run_case, run_contender
from benchmarks.tables import BATCH_ROWS, SCHEMA, batches, write_plain
from scripts.performance_page import PAGE, kept_results, page


def _nothing(folder: Path, scale: float) -> None:
    pass


def _case(*goals: Goal) -> Case:
    return Case(
        name="adding",
        title="Adding up",
        prepare=_nothing,
        contenders={
            "many": lambda folder: lambda: {"numbers": 400},
            "few": lambda folder: lambda: {"numbers": 100},
        },
        goals=goals,
    )


def test_a_contender_tells_its_seconds_and_its_own_figures(tmp_path: Path) -> None:
    figures = run_contender(_case(), "few", tmp_path)

    assert figures["numbers"] == 100
    assert figures["seconds"] >= 0


def test_what_an_action_returns_is_dropped_unless_it_is_figures(tmp_path: Path) -> None:
    case = Case("c", "t", _nothing, {"table": lambda folder: lambda: pa.table({"a": [1]})})

    assert set(run_contender(case, "table", tmp_path)) == {"seconds"}


@pytest.mark.platform
def test_contenders_run_alone_and_goals_compare_their_medians(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    start = command._cases("start")["start"]

    result = run_case("start", start, Plan(rounds=2, scale=1, folder=tmp_path), said.append)

    assert result["rounds"] == 2
    assert len(result["spread"]["od --help"]["seconds"]) == 2
    assert result["medians"]["od --help"]["peak_bytes"] > 1_000_000
    assert {goal["text"] for goal in result["goals"]} >= {"od --help, seconds"}
    assert len(said) == 1 + 3 * len(start.contenders), "one warm-up and two rounds"


@pytest.mark.parametrize(
    ("limits", "met"),
    [({"at_most": 4.0}, True), ({"at_most": 3.9}, False), ({"at_least": 4.1}, False)],
)
def test_a_goal_is_met_up_to_its_limit(limits: dict[str, float], met: bool) -> None:
    from benchmarks.measure import _judged

    goal = Goal("many to few", "numbers", "many", "few", **limits)
    medians = {"many": {"numbers": 400.0}, "few": {"numbers": 100.0}}

    (judged,) = _judged((goal,), medians)

    assert judged["value"] == 4
    assert judged["met"] is met


def test_every_case_can_be_named_and_names_are_not_given_twice() -> None:
    names = [name for module in command._modules() for name in command._cases(module)]

    assert "start" in names
    assert len(names) == len(set(names))


def test_every_goal_names_contenders_of_its_case() -> None:
    for module in command._modules():
        for case in command._cases(module).values():
            for goal in case.goals:
                assert {goal.ours, goal.peer or goal.ours} <= set(case.contenders), case.name


def test_the_shared_table_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    rows = BATCH_ROWS + 1_000
    write_plain(tmp_path / "a.parquet", rows)
    table = pq.read_table(tmp_path / "a.parquet")

    assert table.schema.equals(SCHEMA)
    assert table.num_rows == rows
    assert table.equals(pa.Table.from_batches(batches(rows)))
    times = table["ts"].cast(pa.int64()).to_numpy()
    assert (times[1:] >= times[:-1]).all(), "sorted by time"


def test_the_page_of_figures_says_what_was_kept() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(kept_results()), "make pages writes it again"


def test_a_missed_goal_is_shown_as_missed() -> None:
    result = json.loads(
        '{"name": "n", "title": "A case", "notes": "", "measured_on": "2026-01-01", "rounds": 3,'
        '"scale": 0.1, "machine": {"cores": 2, "processor": "p", "memory_gib": 4, "python": "3"},'
        '"versions": {"pyarrow": "1"}, "medians": {"ours": {"seconds": 2.5, "peak_bytes": 3e7}},'
        '"goals": [{"text": "g", "value": 2.5, "at_most": 2, "at_least": null, "met": false}]}'
    )

    text = page([result])

    assert "| n | g | ≤ 2 | 2.5 | missed |" in text
    assert "| ours | 2.5 | 30 |" in text
    assert "0.1 of the full size" in text
