"""The rules that a contract can state about rows, told apart by `kind`.

Here belong the shapes of the plain rules and the list of all kinds. What rules have in common
stands in `rule_parts`; `referential`, `dim_check` and `arrivaltime_dualform` have modules of their
own. How a rule is evaluated belongs to the contract engine; whether its fields exist, to
`consistency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field, field_validator, model_validator

from dataplatform.contracts.arrival import ArrivalTimeRule
from dataplatform.contracts.dimensions import DimCheckRule
from dataplatform.contracts.referential import ReferentialRule
from dataplatform.contracts.rule_parts import (
    Bound,
    FieldName,
    FieldsRule,
    OneFieldRule,
    RuleBase,
    Scalar,
    Severity,
    Sql,
    shortened,
)

__all__ = [
    "RULE_MODELS",
    "ArrivalTimeRule",
    "CrossFieldRule",
    "CustomRule",
    "DimCheckRule",
    "EnumSetRule",
    "FieldName",
    "MonotonicRule",
    "NotNullRule",
    "RangeRule",
    "ReferentialRule",
    "RegexRule",
    "Rule",
    "Scalar",
    "Severity",
    "UniqueRule",
]

PATTERN_MAX_CHARS: Final = 1_000
VALUES_MAX: Final = 10_000


class UniqueRule(FieldsRule):
    """No two rows have the same values in `fields`; rows with a null among them are left out."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["unique"] = "unique"


class NotNullRule(FieldsRule):
    """None of `fields` is null; says more than `nullable: false` where the severity differs."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["not_null"] = "not_null"


class RangeRule(OneFieldRule):
    """Values lie between `min` and `max`, both included; null passes, NaN fails."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["range"] = "range"
    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> RangeRule:
        if self.min is None and self.max is None:
            raise ValueError("a range needs `min`, `max` or both")
        return self


class RegexRule(OneFieldRule):
    """The whole text matches `pattern` (RE2 syntax); null passes."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["regex"] = "regex"
    pattern: Annotated[str, Field(min_length=1, max_length=PATTERN_MAX_CHARS)]

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str) -> str:
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise ValueError(
                f"this is no RE2 expression (no look-around, no back-references): {reason}"
            ) from error
        return pattern


class EnumSetRule(OneFieldRule):
    """Values are among `values`; null passes."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["enum_set"] = "enum_set"
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=VALUES_MAX)]

    @field_validator("values")
    @classmethod
    def _values_are_alike(cls, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        kinds = {float if type(value) is int else type(value) for value in values}
        if len(kinds) > 1:
            raise ValueError("text, numbers and booleans are mixed here; put text in quotes")
        if len(set(values)) < len(values):
            raise ValueError("a value stands here twice")
        return values


class CrossFieldRule(RuleBase):
    """A boolean SQL expression over the columns of a row, such as `end >= start`; null passes."""

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["cross_field"] = "cross_field"
    expr: Sql

    @property
    def label(self) -> str:
        return self.name or f"cross_field({shortened(self.expr)})"


class MonotonicRule(OneFieldRule):
    """Values never fall (or rise, with `order: decreasing`) from row to row, as delivered.

    With `by`, rows are compared within each group; `strict` forbids equal neighbours.
    """

    kind: Literal["monotonic"] = "monotonic"
    by: tuple[FieldName, ...] = ()
    strict: bool = False
    order: Literal["increasing", "decreasing"] = "increasing"

    @property
    def concerned(self) -> tuple[str, ...]:
        return (self.field, *self.by)


class CustomRule(RuleBase):
    """A SQL SELECT over the table `data` that returns the offending rows, and none when good."""

    kind: Literal["custom"] = "custom"
    sql: Sql

    @property
    def label(self) -> str:
        return self.name or f"custom({shortened(self.sql)})"


Rule = Annotated[
    UniqueRule
    | NotNullRule
    | RangeRule
    | RegexRule
    | EnumSetRule
    | CrossFieldRule
    | ReferentialRule
    | MonotonicRule
    | DimCheckRule
    | ArrivalTimeRule
    | CustomRule,
    Field(discriminator="kind"),
]
RULE_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    str(model.model_fields["kind"].default): model
    for model in (
        UniqueRule,
        NotNullRule,
        RangeRule,
        RegexRule,
        EnumSetRule,
        CrossFieldRule,
        ReferentialRule,
        MonotonicRule,
        DimCheckRule,
        ArrivalTimeRule,
        CustomRule,
    )
}
