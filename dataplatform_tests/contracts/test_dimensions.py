"""Units that fit together and units that do not, by their dimensions alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform.adapters.units.measures import PintMeasures
from dataplatform.contracts.dimensions import DimCheckRule, judge_dimensions
from dataplatform.contracts.model import Contract
from dataplatform.contracts.report import Finding

pytestmark = pytest.mark.requirement("S4-43")
UNITS = {
    "ell": "m", "c_ref": "m/s", "n_eff": "dimensionless", "T_arr": "s", "area": "km ** 2",
    "share": "percent", "warm": "degC", "mass": "kg", "height above": "ft", "plain": None,
    "odd": "flurb",
}  # fmt: skip
FIELDS = [{"name": name, "type": "float64", "unit": unit} for name, unit in UNITS.items()]


def judged(**stated: Any) -> Finding:
    contract = Contract.model_validate(
        {"fields": FIELDS, "rules": [{"kind": "dim_check", **stated}]}
    )
    [rule] = contract.rules
    assert isinstance(rule, DimCheckRule)
    return judge_dimensions(rule, {f.name: f for f in contract.fields}, PintMeasures())


@pytest.mark.parametrize(
    "stated",
    [
        {"field": "ell", "dimension": "[length]"},
        {"field": "ell", "equals": "mile"},
        {"field": "share", "equals": "dimensionless"},
        {"field": "warm", "dimension": "[temperature]"},
        {"expression": "n_eff * ell / c_ref", "equals": "s"},
        {"expression": "n_eff * ell / c_ref - T_arr", "dimension": "[time]"},
        {"expression": "sqrt(area) + ell", "equals": "km"},
        {"expression": "area ** (1/2) / ell", "equals": "dimensionless"},
        {"expression": "0.5 * mass * c_ref ** 2", "equals": "joule"},
        {"expression": "1 / T_arr", "equals": "Hz"},
        {"expression": "-abs(c_ref) / T_arr", "dimension": "[length] / [time] ** 2"},
        {"expression": '"height above" + ell', "equals": "m"},
        {"expression": "ell ** 0", "equals": "dimensionless"},
        {"expression": f"ell ** {'(1/' * 40}1{')' * 40}", "equals": "m"},
        {"expression": " + ".join(["ell"] * 140), "equals": "m"},
    ],
)
def test_units_that_fit(stated: dict[str, str]) -> None:
    finding = judged(**stated)
    assert finding.passed, finding
    assert finding.failing == 0


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (
            {"expression": "ell * c_ref", "equals": "s"},
            "ell * c_ref is [length] ** 2 / [time], and s is [time]",
        ),
        ({"field": "mass", "dimension": "[length]"}, "mass is [mass], and [length]"),
        ({"field": "share", "equals": "m"}, "share is dimensionless, and m is [length]"),
        ({"expression": "ell + T_arr", "equals": "m"}, "ell + T_arr adds [length] and [time]"),
        ({"expression": "ell * plain", "equals": "m"}, "'plain' has no declared unit"),
        ({"field": "odd", "equals": "m"}, "'flurb' is no unit"),
        ({"field": "ell", "equals": "metres per fortnite"}, "is no unit"),
        ({"field": "ell", "equals": "m / 0"}, "'m / 0' is no unit"),
        ({"field": "ell", "equals": "m ** 1e999"}, "a power of it is not finite"),
        ({"field": "ell", "dimension": "[lenght]"}, "'[lenght]' is no unit"),
    ],
)
def test_units_that_do_not_fit_are_told_with_both_dimensions(
    stated: dict[str, str], told: str
) -> None:
    finding = judged(**stated)
    assert not finding.passed
    assert finding.blocks
    assert told in finding.message
    assert finding.hint


def test_the_hint_names_the_units_that_the_contract_declares() -> None:
    hint = judged(expression="ell * c_ref", equals="s").hint
    assert hint == "the contract declares ell [m], c_ref [m/s]; correct a unit, or the rule"


@pytest.mark.parametrize(
    ("stated", "place", "told"),
    [
        ({"equals": "m"}, (), "one `field`, or of one `expression`"),
        ({"field": "ell", "expression": "ell", "equals": "m"}, (), "one `field`, or of one"),
        ({"field": "ell"}, (), "compares with `equals` (a unit) or with `dimension`"),
        ({"field": "ell", "equals": "m", "dimension": "[length]"}, (), "compares with `equals`"),
        ({"expression": "ell /", "equals": "m"}, ("expression",), "is no expression"),
        ({"expression": "ell < 3", "equals": "m"}, ("expression",), "'ell < 3' cannot stand here"),
        ({"expression": "ell ** n_eff", "equals": "m"}, ("expression",), "an exponent is a number"),
        ({"expression": "ell ** 1e9", "equals": "m"}, ("expression",), "is beyond 100"),
        ({"expression": "ell ** 1e999", "equals": "m"}, ("expression",), "is too large"),
        ({"expression": "ell ** 0x" + "f" * 900, "equals": "m"}, ("expression",), "is beyond 100"),
        ({"expression": "ell ** (1 / 0)", "equals": "m"}, ("expression",), "1 / 0 divides by zero"),
        ({"expression": "ell ** " + "-" * 60 + "1", "equals": "m"}, ("expression",), "at most 50"),
        ({"expression": "-" * 900 + "ell", "equals": "m"}, ("expression",), "at most 150 deep"),
        ({"expression": "open('x')", "equals": "m"}, ("expression",), "cannot stand here"),
        ({"expression": "ell.real", "equals": "m"}, ("expression",), "cannot stand here"),
        ({"expression": "True * ell", "equals": "m"}, ("expression",), "True has no dimension"),
        ({"expression": "(" * 500 + "ell", "equals": "m"}, ("expression",), "is no expression"),
    ],
)
def test_what_is_no_rule_is_told_at_its_place(
    stated: dict[str, str], place: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate({"rules": [{"kind": "dim_check", **stated}]})
    [problem] = refused.value.errors()
    assert problem["loc"] == ("rules", 0, "dim_check", *place)
    assert told in problem["msg"]


def test_a_field_that_is_not_declared_is_told_where_the_expression_stands() -> None:
    with pytest.raises(ValidationError) as refused:
        judged(expression="n_ef * ell", equals="m")
    [problem] = refused.value.errors()
    assert problem["loc"] == ("rules", 0, "expression")
    assert "did you mean 'n_eff'?" in problem["msg"]
