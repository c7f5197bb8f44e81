"""World airports: what the producer makes of the source's CSV and its oddities."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataplatform_tests.producers.recorded import Recorded, cut, producer

main = producer("world-airports")

HEADER = b'"icao","iata","name","city","subd","country","elevation","lat","lon","tz","lid"\n'
EDDF = b'"EDDF","FRA","Frankfurt","Frankfurt","Hesse","DE",364,50.02,8.5,"Europe/Berlin",""\n'


def airports(name: str = "airports-20260208.csv") -> dict[str, dict[str, object]]:
    table = main.parse_airports(cut(name), where=name)
    return {row["icao"]: row for row in table.to_pylist()}


@pytest.mark.requirement("S1-13", "S1-53")
def test_a_run_reads_the_real_address_and_returns_a_typed_table() -> None:
    context = Recorded({main.SOURCE: cut("airports-20260208.csv")})
    table = main.produce(context)
    assert context.asked == [main.SOURCE]
    assert table.schema == main.SCHEMA
    assert table.num_rows == 27


def test_an_airport_has_numbers_where_the_source_has_numbers() -> None:
    assert airports()["EDDF"] == {
        "icao": "EDDF", "iata": "FRA", "name": "Frankfurt am Main International Airport",
        "city": "Frankfurt am Main", "subd": "Hesse", "country": "DE", "elevation": 364.0,
        "lat": 50.0264, "lon": 8.54313, "tz": "Europe/Berlin", "lid": None,
    }  # fmt: skip


def test_empty_cells_are_null_and_not_empty_text() -> None:
    pole = airports()["NZSP"]
    assert (pole["iata"], pole["city"], pole["subd"]) == (None, None, None)
    assert (pole["lat"], pole["lon"]) == (-90.0, 0.0)


def test_whole_and_broken_feet_share_one_type() -> None:
    assert airports()["KSFO"]["elevation"] == 13.1
    assert airports()["KCLR"]["elevation"] == -181.8
    assert airports()["_AYM"]["elevation"] == 0.0


def test_blanks_around_a_name_are_removed_and_accents_kept() -> None:
    assert airports()["EPNL"]["name"] == "Nowy Sącz-Łososina Dolna Airport"


def test_what_is_odd_but_published_is_passed_on_for_the_contract_to_judge() -> None:
    assert airports()["_KBH"]["lid"] == "TZ-0146"


def test_two_editions_differ_by_rows_that_come_go_and_change() -> None:
    old, new = airports(), airports("airports-20260803.csv")
    assert len(old.keys() - new.keys()) == 4
    assert len(new.keys() - old.keys()) == 4
    assert sum(old[key] != new[key] for key in old.keys() & new.keys()) >= 1


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "here:1: expected the columns icao, .*, found an empty file"),
        (b"<html>busy</html>", "here:1: expected the columns icao"),
        (HEADER.replace(b"iata", b"iata_code") + EDDF, "here:1: expected the columns .*iata_code"),
        (HEADER + EDDF + b'"KSFO","SFO"\n', "here:3: expected 11 values, found 2"),
        (HEADER + EDDF.replace(b"364", b'"high"'), "here:2: elevation: expected a number.*'high'"),
        (HEADER + b'"EDDF" x,\n', "here:2: not readable as CSV"),
        (HEADER + b"\xff\xfe", "here: expected UTF-8"),
    ],
)
def test_what_is_not_as_published_is_named_with_its_place(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        main.parse_airports(content, where="here")


def test_columns_may_change_their_order() -> None:
    lines = [
        b"lid,tz,lon,lat,elevation,country,subd,city,name,iata,icao",
        b",x/y,1,2,3,DE,,,N,,EDDF",
    ]
    table = main.parse_airports(b"\n".join(lines), where="here")
    assert table.select(["icao", "lat", "lon"]).to_pylist() == [
        {"icao": "EDDF", "lat": 2.0, "lon": 1.0}
    ]
    assert table.schema.field("elevation").type == pa.float64()
