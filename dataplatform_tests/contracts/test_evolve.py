"""What a schema change means for those who read: the table of rules, and its laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from dataplatform.contracts.evolve import SchemaDiff, diff_schema, successor
from dataplatform.contracts.model import Contract
from dataplatform_tests.contracts.strategies import contracts
from opendata.wire.version import Bump

DATE = {"name": "date", "type": "date32", "nullable": False}
RATE = {"name": "rate", "type": "float64", "unit": "percent", "description": "the rate"}


def contract(*fields: dict[str, Any], key: list[str] | None = None, **more: Any) -> Contract:
    return Contract.model_validate({"primary_key": key or [], "fields": list(fields), **more})


def diff(before: list[dict[str, Any]], after: list[dict[str, Any]], **more: Any) -> SchemaDiff:
    return diff_schema(contract(*before), contract(*after), **more)


def lengths(one: str, other: str) -> bool:
    return {one, other} <= {"metre", "foot"}


@pytest.mark.requirement("S4-29")
def test_the_diff_has_the_pinned_keys() -> None:
    found = diff([DATE, RATE], [DATE, {**RATE, "type": "string"}, {"name": "n", "type": "int64"}])
    document = found.to_json()
    assert list(document) == [
        "Fields_add", "Fields_drop", "Type_change", "Unit_change", "Constraint_change",
    ]  # fmt: skip
    assert document["Fields_add"] == [
        {
            "field": "n",
            "old": None,
            "new": {"name": "n", "type": "int64", "nullable": True, "aliases": []},
            "bump": "minor",
        }
    ]
    [change] = document["Type_change"]
    assert (change["field"], change["old"], change["new"]) == ("rate", "float64", "string")
    assert change["bump"] == "major"
    assert "does not hold every former value" in change["breaking"]


@pytest.mark.requirement("S4-13", "S4-17")
@pytest.mark.parametrize(
    ("added", "bump"),
    [
        ({"name": "n", "type": "int64"}, Bump.MINOR),
        ({"name": "n", "type": "int64", "nullable": False, "default": 0}, Bump.MINOR),
        ({"name": "n", "type": "int64", "nullable": False}, Bump.MAJOR),
    ],
)
def test_a_new_field_breaks_only_when_older_data_cannot_have_it(
    added: dict[str, Any], bump: Bump
) -> None:
    found = diff([DATE], [DATE, added])
    assert [change.field for change in found.fields_add] == ["n"]
    assert found.bump is bump
    assert found.breaking == (bump is Bump.MAJOR) == bool(found.reasons)


@pytest.mark.requirement("S4-24")
def test_a_dropped_field_breaks() -> None:
    found = diff([DATE, RATE], [DATE])
    assert found.breaking
    assert found.reasons == ("'rate' was dropped and no field has it as an alias",)


@pytest.mark.requirement("S4-24", "B39")
def test_a_rename_with_an_alias_is_minor_and_needs_an_adapter() -> None:
    found = diff([DATE, RATE], [DATE, {**RATE, "name": "y10", "aliases": ["rate"]}])
    assert found.bump is Bump.MINOR
    assert found.renames == {"rate": "y10"}
    [dropped] = found.fields_drop
    assert (dropped.new, dropped.adapter) == ("y10", "fields_alias")
    assert [change.field for change in found.fields_add] == ["y10"]


@pytest.mark.requirement("B39")
def test_a_required_field_may_take_over_another() -> None:
    required = {"name": "y10", "type": "float64", "nullable": False, "aliases": ["rate"]}
    assert not diff([{"name": "rate", "type": "float64", "nullable": False}], [required]).breaking


@pytest.mark.requirement("B39", "S4-23")
@pytest.mark.parametrize(("data_type", "breaking"), [("float64", False), ("float32", True)])
def test_a_rename_keeps_or_widens_the_type(data_type: str, breaking: bool) -> None:
    after = {**RATE, "name": "y10", "type": data_type, "aliases": ["rate"]}
    assert diff([RATE], [after]).breaking is breaking


def test_an_alias_of_a_surviving_field_stands_in_for_a_dropped_one() -> None:
    both = [RATE, {"name": "rate_old", "type": "float64", "unit": "percent"}]
    found = diff(both, [{**RATE, "aliases": ["rate_old"]}])
    assert not found.breaking
    assert found.renames == {"rate_old": "rate"}


@pytest.mark.requirement("S4-23")
@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        ("int32", "int64", Bump.MINOR),
        ("string", "large_string", Bump.MINOR),
        ("timestamp[s]", "timestamp[us]", Bump.MINOR),
        ("int64", "int32", Bump.MAJOR),
        ("int32", "string", Bump.MAJOR),
        ("date32", "timestamp[us]", Bump.MAJOR),
    ],
)
def test_a_type_may_only_become_wider(old: str, new: str, bump: Bump) -> None:
    found = diff([{"name": "x", "type": old}], [{"name": "x", "type": new}])
    assert found.bump is bump
    assert [(c.old, c.new) for c in found.type_change] == [(old, new)]


@pytest.mark.requirement("S4-20")
@pytest.mark.parametrize(
    ("old", "new", "bump", "adapter"),
    [
        (None, "metre", Bump.PATCH, None),
        ("metre", "foot", Bump.MINOR, "unit_converters"),
        ("metre", "percent", Bump.MAJOR, None),
        ("metre", None, Bump.MAJOR, None),
    ],
)
def test_a_unit_may_change_within_its_dimension(
    old: str | None, new: str | None, bump: Bump, adapter: str | None
) -> None:
    before, after = ({"name": "x", "type": "float64", "unit": unit} for unit in (old, new))
    found = diff([before], [after], same_dimension=lengths)
    assert (found.bump, found.unit_change[0].adapter) == (bump, adapter)


@pytest.mark.requirement("S4-20")
def test_without_a_way_to_convert_every_change_of_unit_breaks() -> None:
    found = diff(
        [{"name": "x", "type": "float64", "unit": "metre"}],
        [{"name": "x", "type": "float64", "unit": "foot"}],
    )
    assert found.breaking
    assert "metre to foot" in found.reasons[0]


@pytest.mark.requirement("S4-21", "S4-22")
@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        (["a"], ["a", "b"], Bump.MAJOR),
        (["a", "b"], ["a"], Bump.MAJOR),
        (["a"], ["b"], Bump.MAJOR),
        (["a"], [], Bump.MAJOR),
        (["a", "b"], ["b", "a"], Bump.MINOR),
        ([], ["a"], Bump.MINOR),
    ],
)
def test_another_primary_key_breaks_and_another_order_does_not(
    old: list[str], new: list[str], bump: Bump
) -> None:
    required = [{"name": n, "type": "int64", "nullable": False} for n in ("a", "b")]
    found = diff_schema(contract(*required, key=old), contract(*required, key=new))
    assert found.bump is bump
    assert [change.constraint for change in found.constraint_change] == ["primary_key"]


def test_a_renamed_key_field_is_still_the_key() -> None:
    before = contract(DATE, RATE, key=["date"])
    after = contract({**DATE, "name": "day", "aliases": ["date"]}, RATE, key=["day"])
    found = diff_schema(before, after)
    assert found.bump is Bump.MINOR
    assert not [c for c in found.constraint_change if c.constraint == "primary_key"]


@pytest.mark.requirement("S4-15")
@pytest.mark.parametrize(
    ("change", "constraint", "bump"),
    [
        ({"description": "another"}, "description", Bump.PATCH),
        ({"tolerance": 0.1}, "tolerance", Bump.PATCH),
        ({"aliases": ["r"]}, "aliases", Bump.PATCH),
        ({"nullable": False}, "nullable", Bump.MINOR),
        ({"default": 0.5}, "default", Bump.MINOR),
    ],
)
def test_smaller_promises_move_smaller_numbers(
    change: dict[str, Any], constraint: str, bump: Bump
) -> None:
    found = diff([DATE, RATE], [DATE, {**RATE, **change}])
    assert [(c.constraint, c.bump) for c in found.constraint_change] == [(constraint, bump)]


def test_making_a_field_optional_is_told_and_does_not_break() -> None:
    found = diff([{**RATE, "nullable": False}], [RATE])
    assert found.bump is Bump.MINOR
    assert found.to_json()["Constraint_change"] == [
        {"field": "rate", "old": False, "new": True, "bump": "minor", "constraint": "nullable"}
    ]


def test_taking_an_alias_away_breaks_those_who_use_it() -> None:
    found = diff([{**RATE, "aliases": ["r"]}], [RATE])
    assert found.reasons == ("'rate' no longer answers to 'r'",)


def test_an_alias_that_becomes_the_name_keeps_everyone_reading() -> None:
    found = diff([{**RATE, "aliases": ["r"]}], [{**RATE, "name": "r", "aliases": ["rate"]}])
    assert (found.bump, found.renames) == (Bump.MINOR, {"rate": "r"})


@pytest.mark.requirement("S4-15")
def test_rules_come_and_go_as_patches() -> None:
    limit = {"kind": "range", "field": "rate", "max": 50}
    tighter = {**limit, "max": 25}
    before, after = contract(RATE, rules=[limit]), contract(RATE, rules=[tighter])
    found = diff_schema(before, after)
    assert found.bump is Bump.PATCH
    facts = [(c.field, c.old is None, c.constraint) for c in found.constraint_change]
    assert facts == [("range(rate)", False, "rule"), ("range(rate)", True, "rule")]


def test_the_order_of_columns_is_a_patch() -> None:
    found = diff([DATE, RATE], [RATE, DATE])
    assert [(c.constraint, c.new) for c in found.constraint_change] == [("order", ["rate", "date"])]
    assert found.bump is Bump.PATCH


@pytest.mark.requirement("S4-31")
def test_an_unknown_schema_fails_closed() -> None:
    assert diff([DATE], []).breaking


@given(contracts())
def test_nothing_changes_between_equals(one: Contract) -> None:
    found = diff_schema(one, one)
    assert (found.changes, found.bump) == ((), Bump.NONE)


@given(contracts(), contracts())
def test_no_difference_means_equal(one: Contract, other: Contract) -> None:
    assert (diff_schema(one, other).bump is Bump.NONE) == (one == other)


@pytest.mark.requirement("S4-6")
@given(contracts(), contracts())
def test_every_field_is_kept_dropped_or_added(one: Contract, other: Contract) -> None:
    found = diff_schema(one, other)
    dropped = {change.field for change in found.fields_drop}
    added = {change.field for change in found.fields_add}
    assert set(one.field_names) - dropped | added == set(other.field_names)


@given(contracts(), contracts())
def test_what_one_way_adds_the_other_way_drops(one: Contract, other: Contract) -> None:
    there, back = diff_schema(one, other), diff_schema(other, one)
    assert {c.field for c in there.fields_add} == {c.field for c in back.fields_drop}


@given(contracts(), contracts())
def test_breaking_always_has_a_reason(one: Contract, other: Contract) -> None:
    found = diff_schema(one, other)
    assert found.breaking == bool(found.reasons)
    for change in found.changes:
        assert (change.bump is Bump.MAJOR) == (change.breaking is not None)


@pytest.mark.requirement("S4-5")
@given(contracts(), contracts())
def test_after_a_compatible_change_every_former_name_still_answers(
    one: Contract, other: Contract
) -> None:
    if not diff_schema(one, other).breaking:
        for field in one.fields:
            for name in (field.name, *field.aliases):
                assert successor(name, other) is not None


@given(contracts(), contracts(), contracts())
def test_types_and_names_stay_compatible_over_two_steps(
    one: Contract, two: Contract, three: Contract
) -> None:
    """Dropped names, types, units and keys; requiring a field that was optional is a step apart."""
    steps = diff_schema(one, two), diff_schema(two, three)
    if not any(step.breaking for step in steps):
        at_once = diff_schema(one, three)
        assert not any(change.breaking for change in (*at_once.fields_drop, *at_once.type_change))
