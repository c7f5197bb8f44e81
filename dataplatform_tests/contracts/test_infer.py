"""Without a contract, the first release's schema is the contract."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.infer import complete_contract, infer_contract, with_fields_of
from dataplatform.contracts.model import Contract
from opendata.wire.errors import InvalidInput

SCHEMA = pa.schema(
    [
        pa.field("date", pa.date32(), metadata={"unit": "day", "description": "trading day"}),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string())),
        pa.field("n", pa.int64(), nullable=False),
    ]
)


def test_the_schema_becomes_the_contract() -> None:
    made = infer_contract(SCHEMA, primary_key=["date"])
    assert made.primary_key == ("date",)
    facts = [(f.name, f.type, f.nullable, f.unit) for f in made.fields]
    assert facts == [
        ("date", "date32", False, "day"),
        ("kind", "string", True, None),
        ("n", "int64", False, None),
    ]
    assert made.fields[0].description == "trading day"


def test_the_same_schema_again_changes_nothing() -> None:
    first, again = infer_contract(SCHEMA), infer_contract(SCHEMA)
    assert diff_schema(first, again).changes == ()


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (pa.schema([("a", pa.int8()), ("a", pa.int8())]), "'a' is declared twice"),
        (pa.schema([("a", pa.int8()), ("A", pa.int8())]), "differ in case only"),
        (pa.schema([("", pa.int8())]), "at least 1 character"),
        (pa.schema([("a\nb", pa.int8())]), "line breaks"),
        (pa.schema([("u", pa.sparse_union([pa.field("x", pa.int8())]))]), "union"),
    ],
)
def test_columns_that_no_engine_could_tell_apart_are_refused(
    schema: pa.Schema, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        infer_contract(schema)
    assert sentence in refused.value.message
    assert refused.value.hint


def test_a_contract_without_fields_takes_them_from_the_table() -> None:
    declared = Contract.model_validate(
        {"primary_key": ["date"], "rules": [{"kind": "range", "field": "n", "min": 0}]}
    )
    made = complete_contract(declared, SCHEMA)
    assert made.field_names == ("date", "kind", "n")
    assert made.rules == declared.rules
    assert not made.fields[0].nullable


def test_a_contract_with_fields_stays_what_it_is() -> None:
    declared = infer_contract(SCHEMA)
    assert complete_contract(declared, pa.schema([("other", pa.int8())])) is declared


def test_a_key_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        complete_contract(Contract(primary_key=("dat",)), SCHEMA)
    assert "did you mean 'date'?" in refused.value.message


def test_rules_for_columns_that_were_never_released_are_told_as_such() -> None:
    rule = {"kind": "range", "field": "c", "min": 0}
    declared = Contract.model_validate({"rules": [rule]})
    released = infer_contract(pa.schema([("a", pa.int64())]))
    with pytest.raises(InvalidInput, match="'c'"):
        with_fields_of(declared, released)
