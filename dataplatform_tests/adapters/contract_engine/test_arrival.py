"""Arrival times: forms that agree with their samples, and every way in which they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.contracts.report import Finding, Report
from dataplatform_tests.adapters.contract_engine.judging import judge, rule_finding

pytestmark = pytest.mark.requirement("S4-11", "S4-44", "S4-93")
NAN = float("nan")
RULE = {"kind": "arrivaltime_dualform", "tol_Tarr": 1e-6}
SAMPLED = ("ell", "n_eff", "c_ref")
RECORDED = ("T_arr_factored", "T_arr_general", "delta_form")


@dataclass(frozen=True)
class Recorded:
    """One path as it would be recorded; what a test changes, it changes on purpose."""

    pid: Any = 1
    ell: Sequence[float] = (0.0, 1.0, 3.0, 6.0)
    n_eff: Sequence[float] = (1.0, 1.5, 1.2, 1.1)
    c_ref: Sequence[float] = (2.0, 2.0, 2.0, 2.0)
    told_otherwise: tuple[tuple[str, Any], ...] = ()

    def told(self, **recorded: Any) -> Recorded:
        return replace(self, told_otherwise=tuple(recorded.items()))

    def columns(self) -> dict[str, list[Any]]:
        count = len(self.ell)
        ell, index, speed = (np.array(getattr(self, name), float) for name in SAMPLED)
        with np.errstate(divide="ignore"):
            factored = float(np.trapezoid(index, ell) / speed[0])
            general = float(np.trapezoid(index / speed, ell))
        forms = dict(zip(RECORDED, (factored, general, abs(general - factored)), strict=True))
        told = {
            **{name: [value] * count for name, value in forms.items()},
            **dict(self.told_otherwise),
        }
        listed = {n: v if isinstance(v, list) else [v] * count for n, v in told.items()}
        return {
            "pid": [self.pid] * count,
            **{name: list(getattr(self, name)) for name in SAMPLED},
            **{name: listed[name] for name in RECORDED},
        }


GOOD = Recorded()


def rows(*paths: Recorded, pid: pa.DataType | None = None) -> pa.Table:
    columns = [path.columns() for path in paths]
    whole = {name: [v for one in columns for v in one[name]] for name in columns[0]}
    kinds = {"pid": pid or pa.int64()}
    return pa.table({n: pa.array(v, kinds.get(n, pa.float64())) for n, v in whole.items()})


def found(folder: Path, *paths: Recorded, **stated: Any) -> Finding:
    return rule_finding(folder, rows(*paths), {**RULE, **stated})


def test_two_forms_that_agree_pass_and_tell_how_far_they_lie_apart(tmp_path: Path) -> None:
    finding = found(tmp_path, GOOD, Recorded(pid=2, ell=(1.0, 2.0, 4.0, 4.5)))
    assert finding.passed
    assert finding.message == "2 paths, both forms agree on all of them"
    assert finding.value == pytest.approx(0, abs=1e-15)
    assert finding.limit == 1e-6


def test_the_trapezoidal_rule_by_hand(tmp_path: Path) -> None:
    # (1 + 3) / 2 * 2 = 4 over a speed of 2 gives 2
    path = Recorded(ell=(0.0, 2.0), n_eff=(1.0, 3.0), c_ref=(2.0, 2.0))
    assert found(tmp_path, path.told(T_arr_factored=2.0, T_arr_general=2.0, delta_form=0.0)).passed
    assert not found(
        tmp_path, path.told(T_arr_factored=2.1, T_arr_general=2.1, delta_form=0.0)
    ).passed


FAULTS: list[tuple[str, Recorded, str]] = [
    ("NaN in a form", GOOD.told(T_arr_factored=NAN), "a null, NaN or infinity"),
    ("null in a form", GOOD.told(T_arr_general=None), "a null, NaN or infinity"),
    ("NaN in delta_form", GOOD.told(delta_form=NAN), "a null, NaN or infinity"),
    ("null in one delta_form", GOOD.told(delta_form=[0.0, 0.0, None, 0.0]), "a null, NaN"),
    ("infinite delta_form", GOOD.told(delta_form=float("inf")), "a null, NaN or infinity"),
    ("NaN in a sample", replace(GOOD, n_eff=(1.0, NAN, 1.0, 1.0)), "a null, NaN or infinity"),
    ("a single sample", Recorded(ell=(1.0,), n_eff=(1.0,), c_ref=(2.0,)), "a single sample"),
    ("standing still", replace(GOOD, ell=(0.0, 1.0, 1.0, 2.0)), "two samples at the same ell"),
    ("no speed", replace(GOOD, c_ref=(0.0,) * 4).told(T_arr_factored=0.0, T_arr_general=0.0,
                                                       delta_form=0.0), "not above zero"),
    ("negative speed", replace(GOOD, c_ref=(-2.0,) * 4), "not above zero"),
    ("forms that move", GOOD.told(T_arr_general=[3.0, 3.0, 3.0, 4.0]), "not the same on all"),
    ("a wrong factored form", GOOD.told(T_arr_factored=9.0), "T_arr_factored that its samples"),
    ("a wrong general form", GOOD.told(T_arr_general=9.0), "T_arr_general that its samples"),
    ("a wrong difference", GOOD.told(delta_form=1e-3), "not the difference of the two forms"),
    ("a negative difference", GOOD.told(delta_form=-1e-3), "not the difference of the two forms"),
    ("forms apart", GOOD.told(delta_form=1e-3), "differ by more than tol_Tarr"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "path", "told"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_every_fault_fails_and_names_the_path(
    tmp_path: Path, what: str, path: Recorded, told: str
) -> None:
    finding = found(tmp_path, GOOD, replace(path, pid=7))
    assert finding.blocks, what
    assert (finding.checked, finding.failing) == (2, 1)
    assert f"{told}" in finding.message
    assert "(pid 7)" in finding.message
    [sample] = finding.samples
    assert sample["pid"] == 7
    assert told in sample["#faults"]


def test_rows_that_name_no_path_fail(tmp_path: Path) -> None:
    finding = found(tmp_path, GOOD, replace(GOOD, pid=None))
    assert finding.failing == 1
    assert "1 path with no pid" in finding.message


@pytest.mark.requirement("B37")
def test_a_speed_that_varies_along_a_path_is_reported_by_pid(tmp_path: Path) -> None:
    varying = replace(GOOD, c_ref=(2.0, 2.0, 2.5, 2.0))
    paths = [replace(varying if pid in (3, 5) else GOOD, pid=pid) for pid in range(1, 7)]
    finding = found(tmp_path, *paths)
    assert "2 paths with a c_ref that varies along it" in finding.message
    assert "(pid 3, 5)" in finding.message
    told = {s["pid"]: (s["c_ref min"], s["c_ref max"]) for s in finding.samples}
    assert told == {3: (2.0, 2.5), 5: (2.0, 2.5)}


@pytest.mark.requirement("B37")
def test_other_paths_may_have_another_speed(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD, replace(GOOD, pid=2, c_ref=(3.0,) * 4)).passed


@pytest.mark.requirement("B36")
@pytest.mark.parametrize(
    ("tolerance", "passes"),
    [
        (1e-3, True),
        (9e-4, False),
        (0, False),
        ({"relative": 1e-3}, True),
        ({"relative": 1e-5}, False),
        ({"absolute": 1e-9, "relative": 1e-3}, True),
        ("default", False),
    ],
)
def test_the_larger_part_of_a_tolerance_counts(
    tmp_path: Path, tolerance: Any, passes: bool
) -> None:
    exact = GOOD.columns()["T_arr_general"][0]
    apart = GOOD.told(T_arr_general=exact + 9.5e-4, delta_form=9.5e-4)
    assert found(tmp_path, apart, tol_Tarr=tolerance).passed is passes


@pytest.mark.requirement("S4-27")
def test_a_recomputation_that_leaves_a_form_behind_is_refused(tmp_path: Path) -> None:
    before = {name: GOOD.columns()[name][0] for name in RECORDED}
    better = replace(GOOD, n_eff=(1.0, 1.5, 1.25, 1.1))
    assert found(tmp_path, better).passed
    for left_behind in ("T_arr_factored", "T_arr_general"):
        finding = found(tmp_path, better.told(**{left_behind: before[left_behind]}))
        assert f"a {left_behind} that its samples do not give" in finding.message
    stale = better.told(delta_form=1e-5)
    assert "a delta_form that is not the difference" in found(tmp_path, stale).message


@pytest.mark.requirement("B36")
@pytest.mark.parametrize("formulation", ["factored", "general"])
def test_whichever_form_readers_take_both_are_checked(tmp_path: Path, formulation: str) -> None:
    for form in ("T_arr_factored", "T_arr_general"):
        wrong = GOOD.told(**{form: 9.0})
        assert not found(tmp_path, wrong, formulation=formulation).passed


def test_fields_may_have_other_names_and_pids_be_words(tmp_path: Path) -> None:
    table = rows(
        replace(GOOD, pid="north"), Recorded(pid="south").told(delta_form=1.0), pid=pa.string()
    )
    names = ["path", "s", "index", "speed", "t_f", "t_g", "gap"]
    mapped = dict(zip(table.column_names, names, strict=True))
    finding = rule_finding(tmp_path, table.rename_columns(names), {**RULE, **mapped})
    assert "(path south)" in finding.message
    assert finding.samples[0]["path"] == "south"
    assert finding.samples[0]["gap"] == 1.0


@pytest.mark.parametrize("column", [*SAMPLED, *RECORDED])
def test_a_missing_column_has_not_passed(tmp_path: Path, column: str) -> None:
    finding = rule_finding(tmp_path, rows(GOOD).drop_columns([column]), RULE)
    assert finding.blocks
    assert f"the table has no column {column!r}" in finding.message


@pytest.mark.parametrize("columns", [["T_arr"], ["T_arr_factored", "T_arr_general"]])
def test_arrival_times_that_no_rule_watches_fail_closed(tmp_path: Path, columns: list[str]) -> None:
    report, _ = judge(tmp_path, {name: [1.0] for name in columns})
    assert not report.passed
    [finding] = report.failures
    assert "arrival times that no rule with a tol_Tarr watches over" in finding.message
    assert "arrivaltime_dualform" in str(finding.hint)


def test_an_annotation_tells_and_lets_pass(tmp_path: Path) -> None:
    report, _ = judge(
        tmp_path, rows(GOOD.told(delta_form=1.0)), {**RULE, "action": "annotate_only"}
    )
    assert report.passed
    assert len(report.warnings) == 1


# --- units ------------------------------------------------------------------------------


def in_units(folder: Path, table: pa.Table, **units: str) -> Report:
    fields = [
        {
            "name": f.name,
            "type": str(f.type).replace("double", "float64"),
            "unit": units.get(f.name),
        }
        for f in table.schema
    ]
    return judge(folder, table, RULE, fields=fields)[0]


SI = {"ell": "m", "c_ref": "m/s", "T_arr_factored": "s", "T_arr_general": "s", "delta_form": "s"}


def test_declared_units_that_fit_are_converted(tmp_path: Path) -> None:
    assert in_units(tmp_path, rows(GOOD), **SI).passed
    recorded = {name: GOOD.columns()[name][0] for name in RECORDED}
    scaled = GOOD.told(**{name: value * 1_000 for name, value in recorded.items()})
    assert in_units(tmp_path, rows(scaled), **SI | {"ell": "km"}).passed
    in_ms = dict.fromkeys(RECORDED, "ms")
    assert in_units(tmp_path, rows(scaled), **SI | in_ms).passed
    assert not in_units(tmp_path, rows(GOOD), **SI | in_ms).passed


@pytest.mark.parametrize(
    ("units", "told"),
    [
        (SI | {"c_ref": "m"}, "of n_eff * ell / c_ref and of the arrival times differ"),
        (SI | {"ell": "kg"}, "of n_eff * ell / c_ref and of the arrival times differ"),
        (SI | {"delta_form": "ms"}, "have to be in one and the same unit"),
        (SI | {"delta_form": "m"}, "of n_eff * ell / c_ref and of the arrival times differ"),
        (SI | {"n_eff": "kg"}, "of n_eff * ell / c_ref and of the arrival times differ"),
        ({"ell": "m", "c_ref": "m/s"}, "T_arr_factored, T_arr_general, delta_form have none"),
        (dict.fromkeys(SI, "m") | {"c_ref": "percent"}, "T_arr_general is in m, which is no time"),
    ],
)
def test_units_that_do_not_fit_have_not_passed(
    tmp_path: Path, units: dict[str, str], told: str
) -> None:
    report = in_units(tmp_path, rows(GOOD), **units)
    [finding] = report.failures
    assert told in finding.message


# --- laws -------------------------------------------------------------------------------

STEPS = st.lists(st.floats(0.01, 100), min_size=1, max_size=12)


@st.composite
def paths(draw: st.DrawFn) -> Recorded:
    steps = draw(STEPS)
    count = len(steps) + 1
    index = draw(st.lists(st.floats(0.5, 3), min_size=count, max_size=count))
    ell = tuple(np.cumsum([draw(st.floats(-100, 100)), *steps]).tolist())
    speed = draw(st.floats(0.5, 3e8))
    return Recorded(ell=ell, n_eff=tuple(index), c_ref=(speed,) * count)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=st.lists(paths(), min_size=1, max_size=5), order=st.randoms(use_true_random=False))
def test_sums_are_those_of_numpy_whatever_the_order_of_rows(
    tmp_path: Path, made: list[Recorded], order: Any
) -> None:
    table = rows(*(replace(path, pid=at) for at, path in enumerate(made)))
    places = list(range(table.num_rows))
    order.shuffle(places)
    finding = rule_finding(tmp_path, table.take(places), {**RULE, "tol_Tarr": {"relative": 1e-9}})
    assert finding.passed, finding.message
    broken = table.column("T_arr_general").to_pylist()
    wrong = [value * 1.001 if row == 0 else value for row, value in
             zip(table.column("pid").to_pylist(), broken, strict=True)]  # fmt: skip
    spoiled = table.set_column(5, "T_arr_general", pa.array(wrong)).take(places)
    finding = rule_finding(tmp_path, spoiled, {**RULE, "tol_Tarr": {"relative": 1e-9}})
    assert [sample["pid"] for sample in finding.samples] == [0]


def test_more_samples_than_memory_holds_are_added_up(tmp_path: Path) -> None:
    count, samples = 4_000, 150
    ell = np.tile(np.arange(samples, dtype=float), count)
    table = pa.table(
        {
            "pid": np.repeat(np.arange(count), samples),
            "ell": ell,
            "n_eff": np.ones(count * samples),
            "c_ref": np.full(count * samples, 2.0),
            "T_arr_factored": np.full(count * samples, (samples - 1) / 2),
            "T_arr_general": np.full(count * samples, (samples - 1) / 2),
            "delta_form": np.zeros(count * samples),
        }
    )
    small = DuckDBContractEngine(Limits(memory_bytes=24 << 20, threads=1))
    mixed = table.take(np.random.default_rng(1).permutation(table.num_rows))
    finding = rule_finding(tmp_path, mixed, RULE, engine=small)
    assert finding.passed, finding.message
    assert finding.checked == count
