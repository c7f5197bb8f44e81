"""The producers' contracts on real rows: today's pass, and each accident fails by its own rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.contracts.report import explain
from dataplatform_tests.producers.judging import failing, judged
from dataplatform_tests.producers.recorded import cut, producer


def airports(edition: str = "20260208") -> pa.Table:
    return producer("world-airports").parse_airports(cut(f"airports-{edition}.csv"), where="cut")


def subdivisions(version: str) -> pa.Table:
    main = producer("iso-3166-2-subdivisions")
    return main.parse_subdivisions(cut(f"iso3166-2-{version}.json"), where="cut")


def rates() -> pa.Table:
    main = producer("ecb-euro-reference-rates")
    rows = sorted(main.parse_rates(cut("eurofxref-hist-0.18.21.csv").decode(), where="cut"))
    return pa.table(list(zip(*rows, strict=True)), schema=main.SCHEMA)


def curve(*cuts: tuple[str, int]) -> pa.Table:
    main = producer("treasury-yield-curve-daily")
    return main.to_table(
        [row for name, year in cuts for row in main.parse_feed(cut(name), year=year, where="cut")]
    )


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("world-airports", airports()),
        ("world-airports", airports("20260803")),
        ("ecb-euro-reference-rates", rates()),
        ("iso-3166-2-subdivisions", subdivisions("24.6.1")),
        ("iso-3166-2-subdivisions", subdivisions("26.2.16")),
        (
            "treasury-yield-curve-daily",
            curve(
                ("treasury-1990.xml", 1990),
                ("treasury-1993.xml", 1993),
                ("treasury-2002.xml", 2002),
                ("treasury-2022-10.xml", 2022),
                ("treasury-2026-08-05.xml", 2026),
            ),
        ),
    ],
)
def test_rows_as_published_keep_the_contract(tmp_path: Path, name: str, table: pa.Table) -> None:
    report = judged(tmp_path, name, table)
    assert report.passed, explain(report)


def test_a_stray_register_number_is_a_warning_and_stops_nothing(tmp_path: Path) -> None:
    [warning] = judged(tmp_path, "world-airports", airports()).warnings
    assert (warning.rule, warning.failing) == ("regex(lid)", 1)
    assert warning.samples[0]["lid"] == "TZ-0146"


def test_rows_written_twice_and_emptied_codes_break_the_key(tmp_path: Path) -> None:
    table = airports()
    codes = pa.array([None if code[0] == "_" else code for code in table["icao"].to_pylist()])
    twice = judged(tmp_path, "world-airports", pa.concat_tables([table, table.slice(0, 3)]))
    emptied = judged(tmp_path, "world-airports", table.set_column(0, "icao", codes))
    assert [finding.failing for finding in twice.failures] == [6]
    for report in (twice, emptied):
        assert {finding.fields for finding in report.failures} == {("icao",)}


def test_the_old_meaning_of_parent_breaks_three_rules(tmp_path: Path) -> None:
    report = judged(tmp_path, "iso-3166-2-subdivisions", subdivisions("23.12.11"))
    assert failing(report) == {
        "parent is a full code": 4,
        "parent lies in the same country": 4,
        "parent is itself in the list": 4,
    }


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("y10", 463.0, "range(y10)"), ("m3", -7.0, "range(m3)")],
)
def test_a_rate_in_basis_points_is_out_of_range(
    tmp_path: Path, column: str, value: Any, rule: str
) -> None:
    table = curve(("treasury-2026-08-05.xml", 2026))
    spoilt = table.set_column(table.column_names.index(column), column, pa.array([value]))
    assert failing(judged(tmp_path, "treasury-yield-curve-daily", spoilt)) == {rule: 1}
