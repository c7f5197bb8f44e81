"""Airports by subdivision: how a name finds its code, and when it stays without one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.producers.recorded import Published, Recorded, cut, producer

main = producer("airports-by-subdivision")

AIRPORTS = producer("world-airports").parse_airports(cut("airports-20260803.csv"), where="cut")
SUBDIVISIONS = producer("iso-3166-2-subdivisions").parse_subdivisions(
    cut("iso3166-2-26.2.16.json"), where="cut"
)


def joined(*airports: tuple[str, str | None]) -> list[dict[str, Any]]:
    """The join of made-up airports, each a country and a name, with the real subdivisions."""
    records = [
        {"icao": f"X{number:03}", "iata": None, "name": "n", "country": country, "subd": name}
        for number, (country, name) in enumerate(airports)
    ]
    rows: list[dict[str, Any]] = main.join(records, SUBDIVISIONS.to_pylist()).to_pylist()
    return rows


@pytest.mark.requirement("S1-13", "S1-53")
def test_it_reads_the_pinned_releases_of_its_inputs_and_nothing_else() -> None:
    context = Recorded(
        inputs={main.AIRPORTS: Published(AIRPORTS), main.SUBDIVISIONS: Published(SUBDIVISIONS)}
    )
    table = main.produce(context)
    assert context.asked == []
    assert table.schema == main.SCHEMA
    assert table["icao"].to_pylist() == sorted(AIRPORTS["icao"].to_pylist())
    found = {row["icao"]: row for row in table.to_pylist()}
    assert found["KSFO"]["subdivision"] == "US-CA"
    assert found["KSFO"]["subdivision_type"] == "State"
    assert found["NZSP"]["match"] == "unnamed"


@pytest.mark.parametrize(
    ("country", "name", "match", "code"),
    [
        ("US", "California", "exact", "US-CA"),
        ("CL", "Tarapaca", "folded", "CL-TA"),
        ("FR", "Ile de France", "folded", "FR-IDF"),
        ("DE", "Hesse", "unmatched", None),
        ("DE", "California", "unmatched", None),
        ("US", None, "unnamed", None),
        ("AZ", "Lənkəran", "ambiguous", None),
        ("BD", "Dhaka", "exact", "BD-C"),
    ],
)
def test_how_a_name_finds_its_code(
    country: str, name: str | None, match: str, code: str | None
) -> None:
    [row] = joined((country, name))
    assert (row["match"], row["subdivision"]) == (match, code)


def test_the_top_level_is_found_along_the_parents() -> None:
    district, region = joined(("AZ", "Babək"), ("US", "California"))
    assert (district["subdivision"], district["top_subdivision"]) == ("AZ-BAB", "AZ-NX")
    assert (region["subdivision"], region["top_subdivision"]) == ("US-CA", "US-CA")


def test_parents_that_go_round_in_a_circle_do_not_hang_the_run() -> None:
    circle = [
        {"code": "XX-A", "name": "A", "type": "t", "parent": "XX-B"},
        {"code": "XX-B", "name": "B", "type": "t", "parent": "XX-A"},
    ]
    airport = {"icao": "X", "iata": None, "name": "n", "country": "XX", "subd": "A"}
    table: pa.Table = main.join([airport], circle)
    assert table["top_subdivision"].to_pylist() == ["XX-B"]
