"""`--filter` and `--columns`: words of a shell as typed filters."""

from __future__ import annotations

import pyarrow as pa
import pytest

from opendata.cli.filters import parse_filters, split_columns
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.manifest import (
    Adapters,
    Changelog,
    FieldEntry,
    Freeze,
    Integrity,
    Manifest,
    Versioning,
)

SCHEMA = pa.schema(
    [
        ("country", pa.string()),
        ("elevation", pa.float64()),
        ("n", pa.int32()),
        ("open", pa.bool_()),
        ("date", pa.date32()),
        ("lon in degrees", pa.float64()),
    ]
)
MANIFEST = Manifest(
    id="me/places",
    files=(),
    schema=tuple(FieldEntry(name=f.name, type=str(f.type)) for f in SCHEMA),
    contract={},
    trace={},
    reports={},
    versioning=Versioning(schema_version="1.0.0", data_release="1.0.0"),
    changelog=Changelog(diff_S={}, diff_R={}, diff_I={}),
    integrity=Integrity(hash_sha256="0" * 64, content_hash="sha256:0"),
    freeze=Freeze(tag="1.0.0", mode="soft", frozen_at="2024-01-01T00:00:00Z"),
    adapters=Adapters(fields_alias={"altitude": "elevation"}),
    candidate="0" * 64,
    dataset={},
    definition={},
    row_count=0,
    size_bytes=0,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country == US", ("country", "==", "US")),
        ("country==US", ("country", "==", "US")),
        ("country = 'United States'", ("country", "=", "United States")),
        ('country != "a == b"', ("country", "!=", "a == b")),
        ("elevation >= 1000", ("elevation", ">=", 1000.0)),
        ("altitude<1e3", ("elevation", "<", 1000.0)),
        ("n > -5", ("n", ">", -5)),
        ("open == true", ("open", "==", True)),
        ("date <= 2024-12-31", ("date", "<=", "2024-12-31")),
        ("country in US, CA", ("country", "in", ["US", "CA"])),
        ("country not in (US,'CA')", ("country", "not in", ["US", "CA"])),
        ("n  in  [1, 2]", ("n", "in", [1, 2])),
        ("country is null", ("country", "is null", None)),
        ("lon in degrees is  not null", ("lon in degrees", "is not null", None)),
        ("lon in degrees > 5", ("lon in degrees", ">", 5.0)),
    ],
)
def test_a_filter_gets_its_columns_type(text: str, expected: tuple[object, ...]) -> None:
    assert parse_filters([text], MANIFEST, SCHEMA) == [expected]


@pytest.mark.parametrize("text", ["country", "country ==", "country in", "== US", "", "a ~ b"])
def test_what_is_no_filter_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filters([text], MANIFEST, SCHEMA)
    assert "--filter" in (caught.value.hint or "")


def test_a_value_of_the_wrong_type_is_named() -> None:
    with pytest.raises(InvalidInput, match="n is int32; 'many' is no such value"):
        parse_filters(["n == many"], MANIFEST, SCHEMA)


def test_a_type_is_called_as_in_a_contract() -> None:
    with pytest.raises(InvalidInput, match="elevation is float64; 'high' is no such value"):
        parse_filters(["elevation > high"], MANIFEST, SCHEMA)


def test_a_wrong_column_gets_its_nearest_one() -> None:
    with pytest.raises(NotFound) as caught:
        parse_filters(["contry == US"], MANIFEST, SCHEMA)
    assert caught.value.hint == "did you mean 'country'?"


def test_columns_are_split_at_commas_unless_a_name_holds_one() -> None:
    assert split_columns(["a,b", " c "], ["a", "b", "c"]) == ["a", "b", "c"]
    assert split_columns(["x,y"], ["x,y"]) == ["x,y"]
    assert split_columns([], ["a"]) is None
