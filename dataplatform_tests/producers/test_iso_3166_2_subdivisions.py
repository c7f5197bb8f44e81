"""ISO 3166-2 subdivisions: the JSON list, and the column whose meaning changed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from dataplatform_tests.producers.recorded import PRODUCERS, Recorded, cut, producer

main = producer("iso-3166-2-subdivisions")

TODAY, BEFORE = "iso3166-2-26.2.16.json", "iso3166-2-23.12.11.json"


def subdivisions(name: str) -> dict[str, dict[str, Any]]:
    table = main.parse_subdivisions(cut(name), where=name)
    return {row["code"]: row for row in table.to_pylist()}


@pytest.mark.requirement("S1-13", "S1-53")
def test_a_run_reads_the_real_address_and_returns_a_typed_table() -> None:
    table = main.produce(Recorded({main.SOURCE: cut(TODAY)}))
    assert table.schema == main.SCHEMA
    assert subdivisions(TODAY)["AZ-BAB"] == {
        "code": "AZ-BAB", "name": "Babək", "type": "Rayon", "parent": "AZ-NX"
    }  # fmt: skip


def test_a_top_level_subdivision_has_no_parent() -> None:
    assert subdivisions(TODAY)["US-CA"]["parent"] is None


def test_the_same_column_once_meant_something_else_and_is_passed_on_untouched() -> None:
    before, after = subdivisions(BEFORE), subdivisions("iso3166-2-24.6.1.json")
    assert (before["FR-69"]["parent"], after["FR-69"]["parent"]) == ("ARA", "FR-ARA")
    assert (before["GB-LND"]["parent"], after["GB-LND"]["parent"]) == ("GB-ENG", "GB-ENG")


def test_the_contract_tells_the_two_meanings_apart() -> None:
    definition = yaml.safe_load(
        (PRODUCERS / "getopendata/iso-3166-2-subdivisions/opendata.yaml").read_text()
    )
    [rule] = [r for r in definition["contract"]["rules"] if r.get("field") == "parent"]

    def offending(name: str) -> list[str]:
        parents = [row["parent"] for row in subdivisions(name).values() if row["parent"]]
        return [parent for parent in parents if not re.fullmatch(rule["pattern"], parent)]

    assert rule.get("severity", "error") == "error"
    assert offending(TODAY) == []
    assert offending(BEFORE) == ["NX", "C", "WAL", "ARA"]


def test_names_are_corrected_between_editions() -> None:
    before, after = subdivisions("iso3166-2-24.6.1.json"), subdivisions(TODAY)
    assert [code for code in after if before[code] != after[code]] == ["BY-HM", "BY-HO"]


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>sign in</html>", "here: expected JSON, found b'<html>sign in"),
        (b"[]", "here: expected an object with a list '3166-2'"),
        (b'{"3166-2": []}', "here: expected an object with a list '3166-2'"),
        (b'{"3166-2": ["FR"]}', "here: record 1: expected an object, found 'FR'"),
        (b'{"3166-2": [{"code": 7}]}', "here: record 1: code: expected text, found 7"),
        (
            json.dumps({"3166-2": [{"code": "FR-69"}, {"code": "x", "kind": "y"}]}).encode(),
            r"here: record 2: expected code, name, type, parent, found also \['kind'\]",
        ),
    ],
)
def test_what_is_not_as_published_is_named_with_its_place(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        main.parse_subdivisions(content, where="here")
