"""The rule `arrivaltime_dualform`: arrival times along paths, in two forms that agree.

Here belongs its shape (S4-11, S4-44, S4-82, B36, B37); what a change of it means for readers stands
in `evolve`. Rows are samples of paths: `pid` names the path, `ell` the place along it, `n_eff` and
`c_ref` what holds there; the two recorded forms and their difference stand on every row of a path.
Adding up along a path belongs to the contract engine.

- factored: one over `c_ref`, times the integral of `n_eff` over `ell`; `c_ref` is one constant;
- general: the integral of `n_eff / c_ref` over `ell`.

Both integrals are sums by the trapezoidal rule over the stored samples, ordered by `ell`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dataplatform.contracts.problems import Place
from dataplatform.contracts.rule_parts import FieldName, RuleBase

KIND: Final = "arrivaltime_dualform"
CUSTOMARY_TOLERANCE: Final = 1e-6
PARTS: Final = (
    "pid", "ell", "n_eff", "c_ref", "T_arr_factored", "T_arr_general", "delta_form",
)  # fmt: skip
FORMS: Final = ("T_arr", "T_arr_factored", "T_arr_general")
_MISSING: Final = (
    "a tolerance has to be declared: `tol_Tarr: 0.000001`, or "
    "`tol_Tarr: {absolute: 1.0e-6, relative: 1.0e-9}`; `default` stands for 1.0e-6"
)
Part = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Definition = Annotated[str, Field(min_length=1, max_length=500)]


class Tolerance(BaseModel):
    """How far two arrival times may lie apart: the larger of both parts counts.

    `absolute` is in the unit of the arrival times, `relative` a share of the general form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    absolute: Part = 0.0
    relative: Part = 0.0


def _tolerance(value: Any) -> Any:
    if value == "default":
        return Tolerance(absolute=CUSTOMARY_TOLERANCE)
    if value is None or value == {} or isinstance(value, str | bool):
        raise ValueError(_MISSING)
    if isinstance(value, int | float):
        return {"absolute": float(value)}
    if isinstance(value, dict):
        return {name: float(v) if type(v) is int else v for name, v in value.items()}
    return value


class ArrivalTimeRule(RuleBase):
    """Both forms of the arrival time are recorded for every path, and agree within `tol_Tarr`.

    The fields are called as in the document unless the rule maps them to others. `formulation` is
    the form that readers take as the arrival time; `path` and `measure` tell in words what `ell`
    and its differential are, and `ref_cond` under which conditions `c_ref` was taken, with
    `corr_env` for the correction that leads back to the former ones.
    """

    kind: Literal["arrivaltime_dualform"] = "arrivaltime_dualform"
    pid: FieldName = "pid"
    ell: FieldName = "ell"
    n_eff: FieldName = "n_eff"
    c_ref: FieldName = "c_ref"
    T_arr_factored: FieldName = "T_arr_factored"
    T_arr_general: FieldName = "T_arr_general"
    delta_form: FieldName = "delta_form"
    tol_Tarr: Annotated[Tolerance, BeforeValidator(_tolerance)]  # noqa: N815 - as documented
    formulation: Literal["factored", "general"] = "general"
    path: Definition | None = None
    measure: Definition | None = None
    ref_cond: Definition | None = None
    corr_env: Definition | None = None

    @model_validator(mode="before")
    @classmethod
    def _tolerance_is_declared(cls, data: Any) -> Any:
        # Asked for here, so that the sentence about it says what to write.
        if isinstance(data, dict) and "tol_Tarr" not in data:
            return {**data, "tol_Tarr": None}
        return data

    @model_validator(mode="after")
    def _fields_are_different(self) -> ArrivalTimeRule:
        for at, name in enumerate(self.concerned):
            if name in self.concerned[:at]:
                raise ValueError(f"{name!r} stands for two things; each needs a column of its own")
        return self

    @property
    def concerned(self) -> tuple[str, ...]:
        """The seven fields, in the order of the document."""
        return tuple(getattr(self, part) for part in PARTS)

    @property
    def label(self) -> str:
        """How reports call it: its own name, or its kind."""
        return self.name or self.kind

    def places(self) -> Iterator[tuple[Place, str]]:
        """Each field that it names; where none is written, the name of its part."""
        yield from (((part,), getattr(self, part)) for part in PARTS)


def undeclared_forms(columns: list[str], has_rule: bool) -> tuple[str, ...]:
    """Columns of arrival times that no rule watches over; there must be none (S4-11)."""
    return () if has_rule else tuple(name for name in columns if name in FORMS)
