"""What all rules of a contract have in common: a severity, an action, and the fields they name.

Here belong the base classes and the values that rules are made of. A kind of rule stands in
`rules`, or where it takes more than a page, in a module of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dataplatform.contracts.problems import Place
from dataplatform.contracts.values import checked_bound, checked_scalar, one_line

SQL_MAX_CHARS: Final = 10_000
LABEL_MAX_CHARS: Final = 60
QUARANTINE_MAX: Final = "5%"
"""How many of the rows a rule may take out where it does not say."""


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


class Action(StrEnum):
    """What a failing rule does, whatever its severity.

    `quarantine` keeps the offending rows aside and lets the release go on with the others.
    """

    FAIL_RELEASE = "fail_release"
    ANNOTATE_ONLY = "annotate_only"
    QUARANTINE = "quarantine"


FieldName = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(one_line)]
# One validator instead of a union, so that a wrong value gets one sentence and not four.
Scalar = Annotated[bool | int | float | str, PlainValidator(checked_scalar)]
Bound = Annotated[int | float | str, PlainValidator(checked_bound)]
RuleName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]
Sql = Annotated[str, Field(min_length=1, max_length=SQL_MAX_CHARS)]


def _checked_limit(value: Any) -> int | str:
    """A share of the rows such as `1%`, or a number of rows."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.endswith("%"):
        try:
            share = float(value[:-1])
        except ValueError:
            share = -1.0
        if 0 <= share <= 100:
            return f"{share:g}%"
    raise ValueError(f"{value!r} is no limit: write a share such as 1%, or a number of rows")


QuarantineLimit = Annotated[int | str, BeforeValidator(_checked_limit)]


class RuleBase(BaseModel):
    """What every rule says beside its own: how bad a failure is, and what happens then.

    `action` and `severity` are told apart: without an action, `error` and `critical` fail the
    release and the others annotate; with one, the action alone decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    takes_out_rows: ClassVar[bool] = False
    """Whether single rows are to blame where it fails, so that they can be kept aside."""

    severity: Severity = Severity.ERROR
    name: RuleName | None = None
    action: Action | None = None
    quarantine_max: QuarantineLimit | None = None

    @field_validator("action")
    @classmethod
    def _action_is_possible(cls, action: Action | None) -> Action | None:
        if action is Action.QUARANTINE and not cls.takes_out_rows:
            kind = cls.model_fields["kind"].default
            raise ValueError(
                f"{kind} judges the table as a whole, so it has no rows to put in quarantine; "
                "use fail_release or annotate_only"
            )
        return action

    @field_validator("quarantine_max")
    @classmethod
    def _limit_has_a_quarantine(
        cls, limit: int | str | None, info: ValidationInfo
    ) -> int | str | None:
        if limit is not None and info.data.get("action") is not Action.QUARANTINE:
            raise ValueError("`quarantine_max` goes with `action: quarantine`")
        return limit

    @property
    def quarantines(self) -> bool:
        """Whether rows that break it are taken out of the candidate."""
        return self.action is Action.QUARANTINE

    @property
    def quarantine_limit(self) -> int | str:
        """How many rows it may take out: a number, or a share such as `5%`."""
        return QUARANTINE_MAX if self.quarantine_max is None else self.quarantine_max

    def may_take_out(self, rows: int) -> int:
        """How many of a table's `rows` are within its limit."""
        limit = self.quarantine_limit
        return limit if isinstance(limit, int) else int(float(limit.removesuffix("%")) * rows / 100)

    def places(self) -> Iterator[tuple[Place, str]]:
        """Each field that it names, with the part of the rule that names it."""
        for part in ("field", "fields", "by"):
            named = getattr(self, part, None) or ()
            if isinstance(named, str):
                yield (part,), named
            else:
                yield from (((part, at), name) for at, name in enumerate(named))

    @property
    def label(self) -> str:
        """How reports call the rule: its own name, or kind and fields as in `range(y10)`."""
        return self.name or f"{self.kind}({', '.join(self.concerned)})"  # type: ignore[attr-defined]

    @property
    def concerned(self) -> tuple[str, ...]:
        """The fields that the rule names; empty where only its SQL does."""
        return ()


class OneFieldRule(RuleBase):
    """A rule about one column."""

    field: FieldName

    @property
    def concerned(self) -> tuple[str, ...]:
        return (self.field,)


class FieldsRule(RuleBase):
    """A rule about several columns together."""

    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _one_field_is_a_list_of_one(cls, data: Any) -> Any:
        return with_one_field_as_list(data)

    @property
    def concerned(self) -> tuple[str, ...]:
        return self.fields


def with_one_field_as_list(data: Any) -> Any:
    """Let `field: x` stand for `fields: [x]`."""
    if isinstance(data, dict) and isinstance(data.get("field"), str) and "fields" not in data:
        rest = {key: value for key, value in data.items() if key != "field"}
        return {**rest, "fields": [data["field"]]}
    return data


def shortened(sql: str) -> str:
    """SQL as one short line, as labels show it."""
    line = " ".join(sql.split())
    return line if len(line) <= LABEL_MAX_CHARS else f"{line[:LABEL_MAX_CHARS]}…"
