"""What a changed reference means for those who read (S4-20, S4-83)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

AT_20 = {"function": "c_air", "ref_cond": {"temperature": "20 degC"}}
AT_0 = {"function": "c_air", "ref_cond": {"temperature": "0 degC"}}
OTHER = {"function": "c_water", "ref_cond": {"temperature": "20 degC"}}


def contract(corr_env: dict[str, Any] | None) -> Contract:
    field = {"name": "c_ref", "type": "float64", "unit": "m/s", "corr_env": corr_env}
    return Contract.model_validate({"fields": [field]})


@pytest.mark.requirement("S4-20", "S4-83")
@pytest.mark.parametrize(
    ("before", "after", "bump", "adapter"),
    [
        (None, AT_20, Bump.PATCH, None),
        (AT_20, AT_0, Bump.MINOR, "transforms"),
        (AT_20, OTHER, Bump.MAJOR, None),
        (AT_20, None, Bump.MAJOR, None),
    ],
)
def test_a_reference_that_can_be_restored_is_minor_and_any_other_is_major(
    before: dict[str, Any] | None, after: dict[str, Any] | None, bump: Bump, adapter: str | None
) -> None:
    found = diff_schema(contract(before), contract(after))
    (change,) = found.changes
    assert (change.constraint, change.bump, change.adapter) == ("corr_env", bump, adapter)
    assert (change.breaking is not None) == (bump is Bump.MAJOR)
    assert change.to_json()["new"] == after


@pytest.mark.parametrize(
    "wrong",
    [
        {"function": "rm -rf", "ref_cond": {}},
        {"function": "", "ref_cond": {}},
        {"function": "c_air", "ref_cond": {"temperature": 20}},
        {"function": "c_air", "where": "here"},
        {"ref_cond": {}},
    ],
)
def test_a_correction_is_a_name_and_conditions_in_words(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        contract(wrong)


def test_a_contract_without_corrections_is_stored_as_before() -> None:
    document = contract(None).model_dump(mode="json", exclude_none=True)
    assert "corr_env" not in document["fields"][0]
