"""Contracts: what they hold, what they refuse, and that they survive being stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from pydantic import ValidationError

from dataplatform.contracts.model import Contract, ReleaseSettings, Severity
from dataplatform_tests.contracts.strategies import contracts
from opendata.wire.digest import canonical_json

FIELDS = [
    {"name": "date", "type": "date32"},
    {"name": "y10", "type": "double", "unit": "percent", "aliases": ["10Y"], "tolerance": 0.005},
    {"name": "code", "type": "string", "default": "XX"},
    {"name": "price", "type": "decimal(10, 2)"},
    {"name": "tags", "type": "list<item: string>"},
    {"name": "flag", "type": "bool"},
]
RULES = [
    {"kind": "unique", "fields": ["date", "code"]},
    {"kind": "not_null", "field": "y10", "severity": "warn"},
    {"kind": "range", "field": "y10", "min": -5, "max": 50},
    {"kind": "range", "field": "date", "min": "1990-01-02"},
    {"kind": "range", "field": "price", "min": "0.01"},
    {"kind": "regex", "field": "code", "pattern": "[A-Z]{2}"},
    {"kind": "enum_set", "field": "code", "values": ["NO", "SE"], "name": "nordic"},
    {"kind": "cross_field", "expr": "price >= y10"},
    {"kind": "monotonic", "field": "date", "by": ["code"], "strict": True},
    {"kind": "custom", "sql": "SELECT * FROM data WHERE price < 0"},
]


def contract(**sections: Any) -> Contract:
    return Contract.model_validate({"fields": FIELDS, **sections})


def problems(**sections: Any) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as refused:
        contract(**sections)
    return {error["loc"]: error["msg"] for error in refused.value.errors()}


@pytest.mark.requirement("S4-10")
def test_a_contract_survives_being_stored() -> None:
    made = contract(primary_key=["date", "code"], rules=RULES)
    stored = canonical_json(made.model_dump(mode="json", exclude_none=True))
    assert Contract.model_validate(json.loads(stored)) == made


@given(contracts())
def test_every_contract_survives_being_stored(made: Contract) -> None:
    stored = canonical_json(made.model_dump(mode="json", exclude_none=True))
    assert Contract.model_validate(json.loads(stored)) == made


def test_rules_have_names_for_reports() -> None:
    assert [rule.label for rule in contract(rules=RULES).rules] == [
        "unique(date, code)",
        "not_null(y10)",
        "range(y10)",
        "range(date)",
        "range(price)",
        "regex(code)",
        "nordic",
        "cross_field(price >= y10)",
        "monotonic(date, code)",
        "custom(SELECT * FROM data WHERE price < 0)",
    ]


def test_a_long_statement_is_cut_in_its_name() -> None:
    [rule] = contract(rules=[{"kind": "custom", "sql": "SELECT\n  1" + " " * 500 + "," * 90}]).rules
    assert rule.label.startswith("custom(SELECT 1 ,,")
    assert len(rule.label) < 80


def test_key_fields_are_never_null_whatever_was_written() -> None:
    made = contract(primary_key=["date"])
    assert not made.fields[0].nullable
    assert made.fields[1].nullable
    assert made.arrow_schema() == pa.schema(
        [
            pa.field("date", pa.date32(), nullable=False),
            ("y10", pa.float64()),
            ("code", pa.string()),
            ("price", pa.decimal128(10, 2)),
            ("tags", pa.list_(pa.string())),
            ("flag", pa.bool_()),
        ]
    )


def test_fields_answer_to_their_names() -> None:
    made = contract()
    assert made.field("y10") is made.fields[1]
    assert made.field("10Y") is None
    assert made.fields[1].arrow_type == pa.float64()


def test_a_contract_may_leave_the_columns_open() -> None:
    made = Contract(primary_key=("date",), rules=())
    assert made.field_names == ()


@pytest.mark.parametrize(
    ("sections", "place", "sentence"),
    [
        ({"primary_key": ["dat"]}, ("primary_key", 0), "did you mean 'date'?"),
        ({"primary_key": ["date", "date"]}, ("primary_key", 1), "twice"),
        ({"primary_key": ["tags"]}, ("primary_key", 0), "a key cannot hold list<item: string>"),
        ({"fields": [*FIELDS, FIELDS[0]]}, ("fields", 6, "name"), "declared twice"),
        (
            {"fields": [*FIELDS, {"name": "Date", "type": "int8"}]},
            ("fields", 6, "name"),
            "differ in case only",
        ),
        (
            {"fields": [*FIELDS, {"name": "x", "type": "int8", "aliases": ["date"]}]},
            ("fields", 6, "aliases", 0),
            "is the name of a field",
        ),
        (
            {"fields": [*FIELDS, {"name": "x", "type": "int8", "aliases": ["10Y"]}]},
            ("fields", 1, "aliases", 0),
            "given twice",
        ),
        (
            {"fields": [{"name": "x", "type": "int8", "default": "a"}]},
            ("fields", 0, "default"),
            "'a' is no value of type int8",
        ),
        (
            {"fields": [{"name": "x", "type": "string", "tolerance": 1}]},
            ("fields", 0, "tolerance"),
            "no number",
        ),
        (
            {"fields": [{"name": "x", "type": "null", "nullable": False}]},
            ("fields", 0, "nullable"),
            "never has a value",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(
    sections: dict[str, Any], place: tuple[int | str, ...], sentence: str
) -> None:
    assert sentence in problems(**sections)[place]


@pytest.mark.parametrize(
    ("rule", "place", "sentence"),
    [
        ({"kind": "range", "field": "y11", "min": 0}, ("field",), "did you mean 'y10'?"),
        ({"kind": "not_null", "fields": ["y10", "q"]}, ("fields", 1), "none of the contract's"),
        ({"kind": "not_null", "field": "q"}, ("fields", 0), "none of the contract's"),
        ({"kind": "monotonic", "field": "y10", "by": ["q"]}, ("by", 0), "none of the contract's"),
        ({"kind": "range", "field": "tags", "min": 0}, ("field",), "needs an order"),
        ({"kind": "range", "field": "y10", "min": 5, "max": 1}, ("max",), "lies below"),
        ({"kind": "range", "field": "date", "min": "1990-02-30"}, ("min",), "no value of type"),
        ({"kind": "range", "field": "date", "min": 1990}, ("min",), "no value of type"),
        ({"kind": "range", "field": "y10", "min": "low"}, ("min",), "no value of type"),
        ({"kind": "regex", "field": "y10", "pattern": "a"}, ("field",), "regex needs text"),
        ({"kind": "unique", "fields": ["tags"]}, ("fields", 0), "cannot compare"),
        ({"kind": "enum_set", "field": "code", "values": [1]}, ("values", 0), "quotes"),
        ({"kind": "enum_set", "field": "code", "values": [False]}, ("values", 0), "no value"),
        ({"kind": "enum_set", "field": "y10", "values": [True]}, ("values", 0), "no value"),
    ],
)
def test_a_rule_has_to_fit_its_fields(
    rule: dict[str, Any], place: tuple[int | str, ...], sentence: str
) -> None:
    assert sentence in problems(rules=[rule])[("rules", 0, *place)]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "range", "field": "y10"},
        {"kind": "range", "field": "y10", "min": float("nan")},
        {"kind": "range", "field": "y10", "max": float("inf")},
        {"kind": "range", "field": "y10", "min": True},
        {"kind": "range", "field": "y10", "min": 2**60},
        {"kind": "range", "field": "y10", "min": [1]},
        {"kind": "regex", "field": "code", "pattern": "(?=x)"},
        {"kind": "regex", "field": "code", "pattern": "("},
        {"kind": "enum_set", "field": "code", "values": []},
        {"kind": "enum_set", "field": "code", "values": ["a", "a"]},
        {"kind": "enum_set", "field": "code", "values": ["a", False]},
        {"kind": "unique", "fields": []},
        {"kind": "unique"},
        {"kind": "cross_field", "expr": ""},
        {"kind": "monotonic", "field": "date", "order": "sideways"},
        {"kind": "not_null", "field": "y10", "severity": "fatal"},
        {"kind": "not_null", "field": "y10", "if": "true"},
        {"kind": "no_such_kind"},
        {},
    ],
)
def test_a_rule_that_says_nothing_or_nonsense_is_refused(rule: dict[str, Any]) -> None:
    assert len(problems(rules=[rule])) == 1


def test_a_rule_stands_once() -> None:
    assert "twice" in problems(rules=[RULES[0], RULES[0]])[("rules", 1)]
    named = [{**RULES[0], "name": "x"}, {**RULES[1], "name": "x"}]
    assert "called 'x' already" in problems(rules=named)[("rules", 1, "name")]
    stages = [{**RULES[2], "severity": "warn", "max": 20}, RULES[2]]
    assert len(contract(rules=stages).rules) == 2


def test_all_problems_are_told_at_once() -> None:
    found = problems(primary_key=["p"], rules=[{"kind": "not_null", "field": "q"}])
    assert set(found) == {("primary_key", 0), ("rules", 0, "fields", 0)}


def test_braces_in_a_message_are_no_template() -> None:
    found = problems(rules=[{"kind": "not_null", "field": "{x} {y!r}"}])
    assert found[("rules", 0, "fields", 0)].startswith("'{x} {y!r}' is none")


def test_severities_order_by_weight_and_not_by_alphabet() -> None:
    assert sorted(Severity, reverse=True) == ["critical", "error", "warn", "info"]
    assert max(Severity.INFO, Severity.WARN) is Severity.WARN
    assert [severity.blocks for severity in Severity] == [False, False, True, True]
    assert Severity.WARN <= Severity.WARN
    assert Severity.CRITICAL >= Severity.ERROR


@pytest.mark.requirement("S4-53", "S4-54")
def test_release_settings_have_defaults_and_survive_being_stored() -> None:
    settings = ReleaseSettings()
    assert settings.observation == timedelta(days=7)
    stored = settings.model_dump(mode="json", exclude_none=True)
    assert stored == {
        "freeze": "soft", "observation": "7d", "shard": "none", "stable_copy": "auto",
    }  # fmt: skip
    assert ReleaseSettings.model_validate(stored) == settings


@pytest.mark.requirement("S4-14", "B3")
def test_versions_are_three_numbers_and_lose_their_v() -> None:
    assert ReleaseSettings(reader_min="v1.2.0", version="2.0.0").reader_min == "1.2.0"
    with pytest.raises(ValidationError, match="three numbers"):
        ReleaseSettings(version="2.0")
