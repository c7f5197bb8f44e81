"""Arrival times: both forms added up again along every path, and compared with what is recorded.

Here belong the statement and the sentences about it. Samples are put in order and added up by
trapezoids in the engine, path by path, which spills where memory does not suffice; the shape of the
rule and the formulas stand in `contracts.arrival`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name
from dataplatform.contracts.arrival import FORMS, PARTS, ArrivalTimeRule, undeclared_forms
from dataplatform.contracts.dimensions import FieldUnit
from dataplatform.contracts.measures import Measures
from dataplatform.contracts.model import Contract
from dataplatform.contracts.report import SAMPLES_MAX, Finding, not_evaluated
from dataplatform.contracts.rules import Severity
from opendata.wire.words import counted

ROUNDING: Final = 1e-12
"""Sums of one and the same path differ by so much of their size, whatever tolerance is declared."""
PATHS: Final = "arrival_paths"
NAMED_PATHS: Final = 3
_NUMBERS: Final = PARTS[1:]
_MEASURED: Final = ("ell", "c_ref", "T_arr_factored", "T_arr_general", "delta_form")
_HINT: Final = (
    "compute both forms over the same samples, ordered by ell, with the trapezoidal rule and one "
    "c_ref per path"
)
# What may be wrong with a path, worst first: where an input is unusable, no sum means anything.
FAULTS: Final[Mapping[str, str]] = {
    "unnamed": "no pid",
    "unusable": "a null, NaN or infinity among its values",
    "single": "a single sample, which is no path",
    "standing": "two samples at the same ell",
    "speed": "a c_ref that is not above zero",
    "varying": "a c_ref that varies along it, so that there is no factored form",
    "unsettled": "a recorded form that is not the same on all of its rows",
    "factored": "a T_arr_factored that its samples do not give",
    "general": "a T_arr_general that its samples do not give",
    "delta": "a delta_form that is not the difference of the two forms",
    "beyond": "forms that differ by more than tol_Tarr",
}


def arrival_finding(
    session: Session,
    table: Table,
    rule: ArrivalTimeRule,
    fields: Mapping[str, FieldUnit],
    units: Measures,
) -> Finding:
    """Every path of the table against the rule.

    Raises:
        Rejected: where the paths cannot be added up within the limits.
    """
    factor, why = _factor(rule, fields, units)
    if why:
        hint = "give ell, c_ref and all three results units that fit: m, m/s and s"
        return not_evaluated(rule.label, rule.concerned, rule.severity, why, hint)
    session.execute(f"CREATE OR REPLACE TEMP TABLE {PATHS} AS {_paths_sql(table, rule, factor)}")
    counts = ", ".join(
        f'count(*) FILTER (WHERE "{fault}") AS "{fault}", '
        f'min(pid, {NAMED_PATHS}) FILTER (WHERE "{fault}") AS "{fault} pids"'
        for fault in FAULTS
    )
    told = session.row(
        f"SELECT count(*) AS paths, count(*) FILTER (WHERE {_any_fault()}) AS failing, "
        f"max(delta_form) FILTER (WHERE isfinite(delta_form)) AS worst, {counts} FROM {PATHS}"
    )
    return _finding(session, table, rule, told)


def undeclared_arrival(table: Table, contract: Contract) -> list[Finding]:
    """What is found where a table holds arrival times and no rule declares their tolerance."""
    has_rule = any(isinstance(rule, ArrivalTimeRule) for rule in contract.rules)
    forms = undeclared_forms(list(table.schema.names), has_rule)
    if not forms:
        return []
    why = f"{', '.join(forms)}: arrival times that no rule with a tol_Tarr watches over"
    hint = "add to the rules: {kind: arrivaltime_dualform, tol_Tarr: 1.0e-6}"
    return [not_evaluated("arrivaltime_dualform", forms, Severity.ERROR, why, hint)]


def _finding(
    session: Session, table: Table, rule: ArrivalTimeRule, told: Mapping[str, Any]
) -> Finding:
    failing, paths = told["failing"], told["paths"]
    faults = [_sentence(rule, fault, told) for fault in FAULTS if told[fault]]
    finding = Finding(
        rule=rule.label,
        fields=rule.concerned,
        severity=rule.severity,
        passed=not failing,
        checked=paths,
        failing=failing,
        message="; ".join(faults) or f"{counted(paths, 'path')}, both forms agree on all of them",
        hint=_HINT if failing else None,
        samples=tuple(_samples(session, table, rule)) if failing else (),
    )
    if told["worst"] is None:
        return finding
    figure = {"value": told["worst"], "limit": rule.tol_Tarr.absolute}
    return msgspec.structs.replace(finding, **figure)


def _sentence(rule: ArrivalTimeRule, fault: str, told: Mapping[str, Any]) -> str:
    """One fault, how many paths have it, and the first of them by name."""
    paths = [str(pid) for pid in told[f"{fault} pids"] or ()]
    more = ", …" if len(paths) < told[fault] and paths else ""
    of = f" ({rule.pid} {', '.join(paths)}{more})" if paths else ""
    return f"{counted(told[fault], 'path')} with {FAULTS[fault]}{of}"


def _samples(session: Session, table: Table, rule: ArrivalTimeRule) -> list[dict[str, Any]]:
    rows = session.rows(
        f"SELECT * FROM {PATHS} WHERE {_any_fault()} ORDER BY pid LIMIT {SAMPLES_MAX}"
    )
    shown = []
    for row in rows:
        faults = [text for fault, text in FAULTS.items() if row[fault]]
        figures = {rule.pid: row["pid"], "#faults": "; ".join(faults), "#samples": row["samples"]}
        if row["varying"]:
            figures |= {"c_ref min": row["c_min"], "c_ref max": row["c_max"]}
        for form in (*FORMS[1:], "delta_form"):
            figures[getattr(rule, form)] = row[form]
        if row["factored"] or row["general"]:
            figures |= {"factored again": row["again_f"], "general again": row["again_g"]}
        shown.append(table.json_row(figures))
    return shown


def _factor(
    rule: ArrivalTimeRule, fields: Mapping[str, FieldUnit], units: Measures
) -> tuple[float, str | None]:
    """What turns `ell / c_ref` into the unit of the arrival times, and why nothing does."""
    told = {
        part: fields[getattr(rule, part)].unit for part in _MEASURED if _known(rule, part, fields)
    }
    without = [getattr(rule, part) for part in _MEASURED if told.get(part) is None]
    if len(without) == len(_MEASURED):
        return 1.0, None
    if without:
        return 1.0, f"some of its fields have declared units, and {', '.join(without)} have none"
    index = fields.get(rule.n_eff)
    along = f"({told['ell']}) / ({told['c_ref']})"
    if index is not None and index.unit:
        along = f"({index.unit}) * {along}"
    try:
        factors = [units.factor(along, str(told[part])) for part in _MEASURED[2:]]
        if units.dimension(str(told["T_arr_general"])) != units.dimension("[time]"):
            return 1.0, f"{rule.T_arr_general} is in {told['T_arr_general']}, which is no time"
    except ValueError as error:
        return 1.0, f"the units of n_eff * ell / c_ref and of the arrival times differ: {error}"
    if len(set(factors)) > 1:
        return 1.0, "both forms and delta_form have to be in one and the same unit"
    return factors[0], None


def _known(rule: ArrivalTimeRule, part: str, fields: Mapping[str, FieldUnit]) -> bool:
    return getattr(rule, part) in fields


def _any_fault() -> str:
    return " OR ".join(f'"{fault}"' for fault in FAULTS)


def _paths_sql(table: Table, rule: ArrivalTimeRule, factor: float) -> str:
    """One row per path: its recorded forms, those added up again, and what is wrong with it."""
    columns = ", ".join(
        f"CAST({name(getattr(rule, part))} AS DOUBLE) AS {part}" for part in _NUMBERS
    )
    following = ", ".join(
        f"lead({part}) OVER along AS {part}_2" for part in ("ell", "n_eff", "c_ref")
    )
    usable = " AND ".join(f"coalesce(isfinite({part}), false)" for part in _NUMBERS)
    step = "(ell_2 - ell) / 2"
    pid = name(rule.pid)
    samples = (
        f"SELECT *, {following} FROM (SELECT {pid} AS pid, {columns} FROM {table.rows_sql}) "
        "WINDOW along AS (PARTITION BY pid ORDER BY ell)"
    )
    constants = ", ".join(
        f"min({form}) AS {form}, coalesce(min({form}) <> max({form}), false) AS moved_{at}"
        for at, form in enumerate((*FORMS[1:], "delta_form"))
    )
    sums = (
        f"SELECT pid, count(*) AS samples, NOT bool_and({usable}) AS unusable, "
        "coalesce(bool_or(ell_2 <= ell), false) AS standing, min(c_ref) AS c_min, "
        f"max(c_ref) AS c_max, {constants}, "
        f"fsum((n_eff + n_eff_2) * {step}) / min(c_ref) * {factor!r} AS again_f, "
        f"fsum((n_eff / c_ref + n_eff_2 / c_ref_2) * {step}) * {factor!r} AS again_g "
        f"FROM ({samples}) GROUP BY pid"
    )
    return f"SELECT *, {_faults_sql(rule)} FROM ({sums})"


def _faults_sql(rule: ArrivalTimeRule) -> str:
    """Each fault as a column; what compares is negated, so that NaN is a fault and not a pass."""
    absolute, relative = rule.tol_Tarr.absolute, rule.tol_Tarr.relative
    size = "greatest(abs(T_arr_general), abs(T_arr_factored))"
    tolerance = f"greatest({absolute!r}::DOUBLE, {relative!r}::DOUBLE * abs(T_arr_general))"
    near = f"greatest({tolerance}, {ROUNDING!r}::DOUBLE * {size})"
    sound = "NOT unusable AND samples > 1 AND NOT standing AND c_min > 0"
    between = "abs(T_arr_general - T_arr_factored)"
    faults = {  # those that the sums tell by themselves stand beside them already
        "unnamed": "pid IS NULL",
        "single": "samples < 2",
        "speed": "NOT unusable AND NOT coalesce(c_min > 0, false)",
        "varying": "NOT unusable AND c_min <> c_max",
        "unsettled": "NOT unusable AND (moved_0 OR moved_1 OR moved_2)",
        "factored": f"{sound} AND c_min = c_max "
        f"AND {_not_within('again_f - T_arr_factored', near)}",
        "general": f"{sound} AND {_not_within('again_g - T_arr_general', near)}",
        "delta": f"NOT unusable AND {_not_within(f'delta_form - {between}', near)}",
        "beyond": f"NOT unusable AND ({_not_within('delta_form', tolerance)} "
        f"OR {_not_within(between, near)})",
    }
    return ", ".join(f'coalesce({sql}, true) AS "{fault}"' for fault, sql in faults.items())


def _not_within(difference: str, tolerance: str) -> str:
    return f"NOT coalesce(abs({difference}) <= {tolerance}, false)"
