"""Whether a table's columns are those of the contract."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataplatform.contracts.model import Contract
from dataplatform.contracts.schema_fit import check_fields, fits

CONTRACT = Contract.model_validate(
    {
        "fields": [
            {"name": "date", "type": "date32"},
            {"name": "y10", "type": "float64", "aliases": ["10Y"]},
        ]
    }
)


def told(*columns: tuple[str, pa.DataType]) -> list[tuple[str, str, str | None]]:
    findings = check_fields(CONTRACT, pa.schema(list(columns)))
    return [(f.rule, f.message, f.hint) for f in findings if not f.passed]


DATE, Y10 = ("date", pa.date32()), ("y10", pa.float64())


@pytest.mark.requirement("S4-42", "S4-43")
def test_the_declared_columns_pass_in_any_order() -> None:
    assert told(DATE, Y10) == told(Y10, DATE) == []


@pytest.mark.requirement("S4-42", "S4-43")
def test_missing_extra_and_mistyped_columns_are_named() -> None:
    assert told(DATE) == [
        (
            "field(y10)",
            "column 'y10' (float64) is missing",
            "deliver it, or take it out of the contract",
        )
    ]
    [(_, message, _)] = told(DATE, Y10, ("dates", pa.string()))
    assert message == "column 'dates' is not in the contract; did you mean 'date'?"
    [(_, message, hint)] = told(DATE, ("y10", pa.string()))
    assert message == "column 'y10' is string, declared as float64"
    assert "type: string" in str(hint)


def test_a_former_name_is_recognised() -> None:
    hints = [hint for _, _, hint in told(DATE, ("10Y", pa.float64()))]
    assert hints[0] == "'10Y' is there instead; rename it to 'y10'"


def test_names_that_differ_in_case_only_are_one_name() -> None:
    [(rule, message, _)] = told(DATE, Y10, ("Y10", pa.float64()))[:1]
    assert rule == "field(Y10)"
    assert "'y10' and 'Y10'" in message


def test_a_contract_without_fields_leaves_the_columns_open() -> None:
    [finding] = check_fields(Contract(), pa.schema([("anything", pa.string())]))
    assert finding.passed


@pytest.mark.parametrize(
    ("declared", "actual", "same"),
    [
        (pa.string(), pa.large_string(), True),
        (pa.string(), pa.string_view(), True),
        (pa.string(), pa.dictionary(pa.int8(), pa.string()), True),
        (pa.string(), pa.binary(), False),
        (pa.list_(pa.string()), pa.large_list(pa.large_string()), True),
        (pa.timestamp("s"), pa.timestamp("ms"), True),
        (pa.timestamp("ms"), pa.timestamp("us"), False),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), False),
        (pa.date64(), pa.date32(), True),
        (pa.time32("s"), pa.time32("ms"), True),
        (pa.decimal32(5, 2), pa.decimal128(5, 2), True),
        (pa.decimal128(5, 2), pa.decimal128(6, 2), False),
        (pa.int32(), pa.int64(), False),
        (pa.struct([("a", pa.string())]), pa.struct([("a", pa.large_string())]), True),
        (pa.struct([("a", pa.string())]), pa.struct([("b", pa.string())]), False),
        (
            pa.list_(pa.field("item", pa.int8(), nullable=False)),
            pa.list_(pa.field("item", pa.int8())),
            False,
        ),
        (pa.map_(pa.string(), pa.int8()), pa.map_(pa.large_string(), pa.int8()), True),
    ],
    ids=str,
)
def test_types_fit_by_what_they_hold_and_not_by_how_it_is_laid_out(
    declared: pa.DataType, actual: pa.DataType, same: bool
) -> None:
    assert fits(declared, actual) is same
