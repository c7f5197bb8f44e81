"""The rules that a contract can state about rows, told apart by `kind`.

Here belong the shapes of the rules and what is wrong with a rule by itself. How a rule is
evaluated belongs to the contract engine; whether its fields exist, to `consistency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictStr,
    field_validator,
    model_validator,
)

from dataplatform.contracts.values import checked_bound, checked_scalar, one_line

SQL_MAX_CHARS: Final = 10_000
PATTERN_MAX_CHARS: Final = 1_000
VALUES_MAX: Final = 10_000
LABEL_SQL_MAX_CHARS: Final = 60

# Named in the documents, evaluated by a later part; naming one must never pass silently.
KINDS_NOT_AVAILABLE: Final = ("referential", "dim_check", "arrivaltime_dualform")


class Severity(StrEnum):
    """How much a failing rule matters; error and critical close the gate."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 3 for critical."""
        return list(Severity).index(self)

    @property
    def blocks(self) -> bool:
        """Whether a failing rule of this severity keeps a candidate from being frozen."""
        return self.rank >= Severity.ERROR.rank

    # Members are strings, which would order by alphabet.
    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


FieldName = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(one_line)]
# One validator instead of a union, so that a wrong value gets one sentence and not four.
Scalar = Annotated[bool | int | float | str, PlainValidator(checked_scalar)]
Bound = Annotated[int | float | str, PlainValidator(checked_bound)]
RuleName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]
Sql = Annotated[str, Field(min_length=1, max_length=SQL_MAX_CHARS)]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity = Severity.ERROR
    name: RuleName | None = None

    @property
    def label(self) -> str:
        """How reports call the rule: its own name, or kind and fields as in `range(y10)`."""
        return self.name or f"{self.kind}({', '.join(self.concerned)})"  # type: ignore[attr-defined]

    @property
    def concerned(self) -> tuple[str, ...]:
        """The fields that the rule names; empty where only its SQL does."""
        return ()


class _OneFieldRule(_Rule):
    field: FieldName

    @property
    def concerned(self) -> tuple[str, ...]:
        return (self.field,)


class _FieldsRule(_Rule):
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _one_field_is_a_list_of_one(cls, data: Any) -> Any:
        return with_one_field_as_list(data)

    @property
    def concerned(self) -> tuple[str, ...]:
        return self.fields


class UniqueRule(_FieldsRule):
    """No two rows have the same values in `fields`; rows with a null among them are left out."""

    kind: Literal["unique"] = "unique"


class NotNullRule(_FieldsRule):
    """None of `fields` is null; says more than `nullable: false` where the severity differs."""

    kind: Literal["not_null"] = "not_null"


class RangeRule(_OneFieldRule):
    """Values lie between `min` and `max`, both included; null passes, NaN fails."""

    kind: Literal["range"] = "range"
    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> RangeRule:
        if self.min is None and self.max is None:
            raise ValueError("a range needs `min`, `max` or both")
        return self


class RegexRule(_OneFieldRule):
    """The whole text matches `pattern` (RE2 syntax); null passes."""

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


class EnumSetRule(_OneFieldRule):
    """Values are among `values`; null passes."""

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


class CrossFieldRule(_Rule):
    """A boolean SQL expression over the columns of a row, such as `end >= start`; null passes."""

    kind: Literal["cross_field"] = "cross_field"
    expr: Sql

    @property
    def label(self) -> str:
        return self.name or f"cross_field({_shortened(self.expr)})"


class MonotonicRule(_OneFieldRule):
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


class CustomRule(_Rule):
    """A SQL SELECT over the table `data` that returns the offending rows, and none when good."""

    kind: Literal["custom"] = "custom"
    sql: Sql

    @property
    def label(self) -> str:
        return self.name or f"custom({_shortened(self.sql)})"


def with_one_field_as_list(data: Any) -> Any:
    """Let `field: x` stand for `fields: [x]`."""
    if isinstance(data, dict) and isinstance(data.get("field"), str) and "fields" not in data:
        rest = {key: value for key, value in data.items() if key != "field"}
        return {**rest, "fields": [data["field"]]}
    return data


def _shortened(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= LABEL_SQL_MAX_CHARS else f"{line[:LABEL_SQL_MAX_CHARS]}…"


def _refuse_what_is_not_available(data: Any) -> Any:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind in KINDS_NOT_AVAILABLE:
        raise ValueError(
            f"rules of kind {kind!r} are not available in this version, and are never skipped "
            "silently; leave the rule out until they are"
        )
    return data


Rule = Annotated[
    Annotated[
        UniqueRule
        | NotNullRule
        | RangeRule
        | RegexRule
        | EnumSetRule
        | CrossFieldRule
        | MonotonicRule
        | CustomRule,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_refuse_what_is_not_available),
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
        MonotonicRule,
        CustomRule,
    )
}
