"""SQL that contracts bring along: what it can say, what it cannot do, and that it ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from dataplatform.adapters.contract_engine import user_rules
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.contracts.report import Finding
from dataplatform_tests.adapters.contract_engine.judging import judged_by

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-43", "M-10")]
ROWS: dict[str, list[Any]] = {
    "day": [1, 2, 3, 3],
    "open": [1.0, 2.0, 9.0, None],
    "close": [1.5, 1.0, 9.0, 1.0],
    "name": ["a", "b", "c", "7"],
}


def findings(folder: Path, *rules: str | dict[str, Any], **more: Any) -> list[Finding]:
    """Text that begins as a query is one, other text is an expression."""
    written = [
        rule
        if isinstance(rule, dict)
        else {"kind": "custom", "sql": rule}
        if rule.lstrip("( ").lower().startswith(("select", "with", "from", "values"))
        else {"kind": "cross_field", "expr": rule}
        for rule in rules
    ]
    return judged_by(folder, ROWS, *written, **more)


def test_expressions_over_a_row(tmp_path: Path) -> None:
    kept, broken, told = findings(
        tmp_path, "day >= 1", "close >= open", "\"close\" > 0 AND name <> 'c' -- no c"
    )
    assert (kept.passed, kept.checked) == (True, 4)
    assert (broken.failing, broken.checked) == (1, 3)
    assert broken.fields == ("open", "close")
    assert broken.samples == ({"#row": 2, "open": 2.0, "close": 1.0},)
    assert told.samples == ({"#row": 3, "close": 9.0, "name": "c"},)


def test_queries_over_all_rows(tmp_path: Path) -> None:
    none, twice, gaps = findings(
        tmp_path,
        "SELECT * FROM data WHERE day > 3;",
        "WITH days AS (SELECT day, count(*) AS n FROM data GROUP BY day) FROM days WHERE n > 1",
        "SELECT d FROM range(1, 6) AS t(d) WHERE d NOT IN (SELECT day FROM data) -- gaps",
    )
    assert none.passed
    assert twice.samples == ({"day": 3, "n": 2},)
    assert [sample["d"] for sample in gaps.samples] == [4, 5]
    assert gaps.message == "the query returns 2 rows"


NO_EXPRESSIONS = [
    ("day >", "SQL cannot be read"),
    ("day > 0; SELECT 1", "one statement is expected"),
    ("day > 0; DROP VIEW data", "only a SELECT"),
    ("day > 0) FROM data; --", "SQL cannot be read"),
    ("day > 0 FROM data", "not one expression"),
    ("day > 0, 1", "not one expression"),
    ("day > 0 AS fine", "has no name"),
    ("day > (SELECT max(day) FROM data)", "cannot hold a query"),
    ("sum(day) OVER () > 0", "cannot hold a window function"),
    ("COLUMNS('o.*') > 0", "cannot hold a star"),
    ("day > ?", "cannot hold a parameter"),
    ("day + 1", "not true or false"),
    ("sum(day) > 1", "aggregate"),
    ("dya > 1", "dya"),
    ("CAST(name AS INTEGER) > 0", "Could not convert"),
    ("getenv('HOME') = ''", "getenv"),
]
NO_QUERIES = [
    ("DROP TABLE data", "only a SELECT"),
    ("COPY data TO '/tmp/stolen.csv'", "only a SELECT"),
    ("ATTACH '/tmp/other.db'", "only a SELECT"),
    ("SET memory_limit = '1TB'", "only a SELECT"),
    ("INSTALL httpfs", "only a SELECT"),
    ("SELECT 1; SELECT 2", "one statement is expected"),
    ("SELECT * FROM read_text('/etc/passwd')", "read_text() is not allowed"),
    ("SELECT * FROM read_csv('/etc/passwd')", "read_csv() is not allowed"),
    ("SELECT * FROM glob('/*')", "glob() is not allowed"),
    ("SELECT * FROM query('SELECT 1')", "query() is not allowed"),
    ("SELECT * FROM duckdb_settings()", "duckdb_settings() is not allowed"),
    ("SELECT * FROM '/etc/passwd'", "there is no table '/etc/passwd'"),
    ("SELECT * FROM dta", "did you mean 'data'?"),
    ("SELECT * FROM information_schema.tables", "read from elsewhere"),
    ("SELECT (SELECT content FROM read_text('/etc/passwd')) FROM data", "not allowed"),
    ("WITH t AS (FROM read_text('/etc/passwd')) FROM t", "not allowed"),
    ("DESCRIBE data", "return no rows"),
    ("SHOW TABLES", "return no rows"),
    ("SELECT nothing FROM data", "nothing"),
    ("SELECT CAST(name AS INTEGER) FROM data", "Could not convert"),
    (" ", "one statement is expected"),
]


def test_what_is_no_expression_has_not_passed(tmp_path: Path) -> None:
    rules = [{"kind": "cross_field", "expr": sql} for sql, _ in NO_EXPRESSIONS]
    assert_refused(findings(tmp_path, *rules), NO_EXPRESSIONS)


def test_a_query_can_only_read_its_rows(tmp_path: Path) -> None:
    rules = [{"kind": "custom", "sql": sql} for sql, _ in NO_QUERIES]
    assert_refused(findings(tmp_path, *rules), NO_QUERIES)


def assert_refused(told: list[Finding], cases: list[tuple[str, str]]) -> None:
    for finding, (sql, reason) in zip(told, cases, strict=True):
        assert not finding.passed, sql
        assert reason in finding.message, sql


def test_one_bad_rule_takes_no_other_with_it(tmp_path: Path) -> None:
    good, crashing, unreadable, query = findings(
        tmp_path,
        "day > 0",
        "CAST(name AS INTEGER) > 0",
        "day >",
        "SELECT * FROM data WHERE day > 2",
    )
    assert good.passed
    assert not crashing.passed
    assert not unreadable.passed
    assert query.failing == 2


def test_severity_of_a_rule_that_crashes_is_its_own(tmp_path: Path) -> None:
    [finding] = findings(tmp_path, {"kind": "cross_field", "expr": "day >", "severity": "warn"})
    assert not finding.passed
    assert not finding.blocks


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM range(1000000000000) AS t(n) WHERE n < 0",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    ],
)
def test_endless_queries_are_stopped(tmp_path: Path, sql: str) -> None:
    [finding] = findings(tmp_path, sql, engine=DuckDBContractEngine(user_seconds=0.5))
    assert not finding.passed
    assert "longer than 0.5 s" in finding.message


def test_a_function_that_fills_memory_ends_only_its_own_process(tmp_path: Path) -> None:
    engine = DuckDBContractEngine(Limits(memory_bytes=64 << 20), user_seconds=20)
    good, greedy = findings(tmp_path, "day > 0", "len(range(1000000000)) > day", engine=engine)
    assert good.passed
    assert not greedy.passed
    assert "memory" in greedy.message


def test_a_function_that_heeds_no_interrupt_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_rules, "START_SECONDS", 3)
    deaf = "levenshtein(repeat('ab', 200000), repeat('ba', 200000)) > day"
    good, killed = findings(
        tmp_path, "day > 0", deaf, engine=DuckDBContractEngine(user_seconds=0.2)
    )
    assert good.passed
    assert killed.message == "not evaluated: ended: it did not stop within 0.2 s"
    assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer) and t.is_alive()]


def test_the_process_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRED_API_KEY", "secret")
    assert "secret" not in user_rules._bare_environment().values()
    assert set(user_rules._bare_environment()) <= {"PYTHONPATH", "TMPDIR", "LANG"}
    assert os.environ["FRED_API_KEY"] == "secret"


def test_a_process_that_cannot_work_is_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_rules.sys, "executable", "/bin/false")
    for finding in findings(tmp_path, "abs(day) > 0", "SELECT * FROM data WHERE day > 3"):
        assert not finding.passed
        assert finding.message.startswith("not evaluated: ended with an error")
