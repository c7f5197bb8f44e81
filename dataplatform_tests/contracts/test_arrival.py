"""The rule `arrivaltime_dualform` by itself: its tolerance, its fields, and its definition."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform.contracts.arrival import ArrivalTimeRule, undeclared_forms
from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.model import Contract
from dataplatform.releases.reprojection import transform_steps
from opendata.wire.version import Bump

FIELDS = ["pid", "ell", "n_eff", "c_ref", "T_arr_factored", "T_arr_general", "delta_form"]


def rule(**stated: Any) -> ArrivalTimeRule:
    [made] = Contract.model_validate(
        {"rules": [{"kind": "arrivaltime_dualform", "tol_Tarr": 1e-6, **stated}]}
    ).rules
    assert isinstance(made, ArrivalTimeRule)
    return made


@pytest.mark.requirement("S4-83")
def test_another_correction_does_not_lead_back_to_the_former_conditions() -> None:
    fields = [{"name": name, "type": "float64"} for name in FIELDS]
    before, after = (
        Contract.model_validate(
            {"fields": fields, "rules": [rule(ref_cond=year, corr_env=function)]}
        )
        for year, function in (("2019", "air"), ("2025", "sea"))
    )
    [reason] = diff_schema(before, after).reasons
    assert reason.endswith("sea is not air, which led back before")


@pytest.mark.requirement("S4-82", "B36")
def test_the_fields_are_called_as_in_the_document_unless_they_are_mapped() -> None:
    assert list(rule().concerned) == FIELDS
    assert rule(pid="path", ell="s").concerned[:2] == ("path", "s")
    assert rule().formulation == "general"
    assert rule(formulation="factored").formulation == "factored"
    with pytest.raises(ValidationError, match="'ell' stands for two things"):
        rule(n_eff="ell")


@pytest.mark.requirement("S4-11", "B36")
@pytest.mark.parametrize(
    ("stated", "absolute", "relative"),
    [
        (1e-6, 1e-6, 0),
        (0, 0, 0),
        ("default", 1e-6, 0),
        ({"absolute": 1e-9}, 1e-9, 0),
        ({"relative": 1e-3}, 0, 1e-3),
        ({"absolute": 1, "relative": 1e-9}, 1, 1e-9),
    ],
)
def test_a_tolerance_is_absolute_relative_or_both(
    stated: Any, absolute: float, relative: float
) -> None:
    made = rule(tol_Tarr=stated).tol_Tarr
    assert (made.absolute, made.relative) == (absolute, relative)


@pytest.mark.requirement("S4-11", "B36")
@pytest.mark.parametrize(
    "stated",
    [
        None, {}, "", "1e-6", "none", True, float("nan"), float("inf"), -1e-6,
        {"absolute": float("nan")}, {"relative": -1}, {"absolut": 1e-6}, [1e-6],
    ],
)  # fmt: skip
def test_a_tolerance_that_is_none_is_refused_and_not_guessed(stated: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        rule(tol_Tarr=stated)
    assert all(problem["loc"][:4] == PLACE for problem in refused.value.errors())


PLACE = ("rules", 0, "arrivaltime_dualform", "tol_Tarr")


@pytest.mark.requirement("S4-11")
def test_a_missing_tolerance_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate({"rules": [{"kind": "arrivaltime_dualform"}]})
    [problem] = refused.value.errors()
    assert problem["loc"] == PLACE
    assert "`tol_Tarr: 0.000001`" in problem["msg"]


@pytest.mark.requirement("S4-11", "S4-82")
@pytest.mark.parametrize("missing", FIELDS)
def test_both_forms_and_all_that_they_are_made_of_have_to_be_declared(missing: str) -> None:
    fields = [
        {"name": name, "type": "int64" if name == "pid" else "float64"}
        for name in FIELDS
        if name != missing
    ]
    stated = {"kind": "arrivaltime_dualform", "tol_Tarr": 1e-6}
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate({"fields": fields, "rules": [stated]})
    [problem] = refused.value.errors()
    assert problem["loc"] == ("rules", 0, missing)
    assert f"{missing!r} is none of the contract's fields" in problem["msg"]


def test_figures_have_to_be_numbers() -> None:
    fields = [{"name": name, "type": "string"} for name in FIELDS]
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate(
            {"fields": fields, "rules": [{"kind": "arrivaltime_dualform", "tol_Tarr": 1}]}
        )
    assert [problem["loc"][2] for problem in refused.value.errors()] == FIELDS[1:]


@pytest.mark.requirement("S4-83", "S4-84")
@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        ({}, {"tol_Tarr": 1, "formulation": "factored", "severity": "warn"}, Bump.PATCH),
        ({"path": "arc length"}, {"path": "optical length"}, Bump.MAJOR),
        ({"measure": "Euclidean"}, {"measure": "geodesic"}, Bump.MAJOR),
        ({"ref_cond": "2019"}, {"ref_cond": "2025"}, Bump.MAJOR),
        ({"ref_cond": "2019"}, {"ref_cond": "2025", "corr_env": "c_ref * 1.0003"}, Bump.MINOR),
        (
            {"ref_cond": "2019", "corr_env": "air"},
            {"ref_cond": "2025", "corr_env": "air"},
            Bump.MINOR,
        ),
        (
            {"ref_cond": "2019", "corr_env": "air"},
            {"ref_cond": "2025", "corr_env": "sea"},
            Bump.MAJOR,
        ),
    ],
)
def test_another_definition_is_another_quantity(
    old: dict[str, Any], new: dict[str, Any], bump: Bump
) -> None:
    fields = [{"name": name, "type": "float64"} for name in FIELDS]
    before, after = (
        Contract.model_validate({"fields": fields, "rules": [rule(**stated)]})
        for stated in (old, new)
    )
    assert diff_schema(before, after).bump is bump


def by_air_and_sea(
    air: dict[str, Any], sea: dict[str, Any], renamed: dict[str, str] | None = None
) -> Contract:
    """Two rules over columns of their own: `T_arr_general` and `sea_T_arr_general`, and so on.

    A renamed column keeps its former name as an alias.
    """
    given = renamed or {}
    names = [*FIELDS, *(f"sea_{name}" for name in FIELDS)]
    fields = [
        {"name": given.get(n, n), "type": "float64", "aliases": [n] if n in given else []}
        for n in names
    ]
    of_sea = {name: given.get(f"sea_{name}", f"sea_{name}") for name in FIELDS}
    return Contract.model_validate(
        {
            "fields": fields,
            "rules": [
                rule(**{"tol_Tarr": 1e-6, "path": "ray", **air}),
                rule(**{"tol_Tarr": 1e-6, "path": "chord", **of_sea, **sea}),
            ],
        }
    )


def turned(contract: Contract) -> Contract:
    return contract.model_copy(update={"rules": contract.rules[::-1]})


FORMS_RENAMED = {f"sea_{name}": f"s_{name}" for name in ("T_arr_general", "T_arr_factored")}


@pytest.mark.requirement("S4-83", "S4-84")
@pytest.mark.parametrize("renamed", [None, FORMS_RENAMED])
def test_a_second_rule_is_compared_with_itself_and_not_with_the_first(
    renamed: dict[str, str] | None,
) -> None:
    before = by_air_and_sea({}, {})
    expected = Bump.MINOR if renamed else Bump.PATCH
    loosened = {"tol_Tarr": 1e-3}
    for after in (
        by_air_and_sea({}, loosened, renamed),
        by_air_and_sea(loosened, loosened, renamed),
    ):
        assert diff_schema(before, after).bump is expected
        assert diff_schema(before, turned(after)).bump is expected


def test_a_new_rule_over_new_columns_changes_no_former_times() -> None:
    both = by_air_and_sea({}, {})
    alone = both.model_copy(update={"rules": both.rules[:1]})
    assert diff_schema(alone, both).bump is Bump.PATCH


@pytest.mark.requirement("S4-83")
def test_the_step_back_starts_from_the_conditions_of_the_same_rule() -> None:
    before = by_air_and_sea({}, {"ref_cond": "2019"})
    after = by_air_and_sea({"tol_Tarr": 1e-3}, {"ref_cond": "2025", "corr_env": "salt"})
    for one in (after, turned(after)):
        assert list(transform_steps(diff_schema(before, one))) == [
            {
                "kind": "corr_env",
                "field": "sea_c_ref",
                "from": {"c_ref": "2019"},
                "to": {"c_ref": "2025"},
                "corr_env": "salt",
            }
        ]


@pytest.mark.requirement("S4-11")
def test_columns_of_arrival_times_need_a_rule() -> None:
    assert undeclared_forms(["day", "T_arr", "delta_form"], has_rule=False) == ("T_arr",)
    assert undeclared_forms(FIELDS, has_rule=False) == ("T_arr_factored", "T_arr_general")
    assert undeclared_forms(FIELDS, has_rule=True) == ()
    assert undeclared_forms(["day", "value"], has_rule=False) == ()
