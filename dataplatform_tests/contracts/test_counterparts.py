"""Which column is which, where names changed."""

from __future__ import annotations

import pytest

from dataplatform.contracts.counterparts import counterparts, tolerances
from dataplatform.contracts.model import Contract, FieldSpec

pytestmark = pytest.mark.requirement("S4-28")


def contract(*primary_key: str, **fields: list[str]) -> Contract:
    specs = [FieldSpec(name=name, type="int64", aliases=also) for name, also in fields.items()]
    return Contract(fields=specs, primary_key=primary_key)


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        (contract(a=[], b=[]), contract(b=[], a=[]), {"b": "b", "a": "a"}),
        (contract(a=[], b=[]), contract(a=[], c=["b"]), {"a": "a", "c": "b"}),
        (contract(a=[], c=["b"]), contract(a=[], b=[]), {"a": "a", "b": "c"}),
        # A name that is still there is no former name of another field.
        (contract(a=[], b=[]), contract(a=[], b=[]), {"a": "a", "b": "b"}),
        (contract(b=[]), contract(b=[], c=[]), {"b": "b"}),
        (contract(a=[], b=[]), contract(c=["b", "a"]), {"c": "b"}),
        (contract(a=["x"]), contract(x=[], y=["a"]), {"x": "a"}),
        (contract(a=[]), contract(b=[]), {}),
    ],
)
def test_columns_are_paired_by_name_and_then_by_alias(
    old: Contract, new: Contract, pairs: dict[str, str]
) -> None:
    assert counterparts(old, new) == pairs


def test_tolerances_are_those_of_figures_that_identify_nothing() -> None:
    fields = [
        FieldSpec(name="k", type="float64", tolerance=0.5),
        FieldSpec(name="x", type="float64", tolerance=0.1),
        FieldSpec(name="y", type="float64"),
    ]
    assert tolerances(Contract(fields=fields, primary_key=("k",))) == {"x": 0.1}
