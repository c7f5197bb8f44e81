"""The rule `referential`: values have to exist in a release of another data set (S4-43).

Here belong its shape and the release that a verdict was reached with. Which release that is
is settled when a candidate is built and recorded among its inputs, so that it can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dataplatform.contracts.release_range import parse_range
from dataplatform.contracts.rule_parts import FieldName, FieldsRule
from opendata.wire.errors import InvalidInput, OpenDataError
from opendata.wire.ids import parse_dataset_id


def _dataset(text: str) -> str:
    try:
        return str(parse_dataset_id(text))
    except InvalidInput as error:
        raise ValueError(f"{error.message}{f'; {error.hint}' if error.hint else ''}") from error


def _range(text: str) -> str:
    return str(parse_range(text))


class Reference(BaseModel):
    """Where the values have to exist: `fields` of a data set, in the order of the rule's own.

    Without `release` it is the release that is pinned as an input, else the current one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, AfterValidator(_dataset)]
    release: Annotated[str, AfterValidator(_range)] | None = None
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]


class ReferentialRule(FieldsRule):
    """The values in `fields` exist, together, in some row of another data set's release.

    A row with a null among them passes (`nulls: ignore`) or fails (`nulls: fail`).
    """

    takes_out_rows: ClassVar[bool] = True

    kind: Literal["referential"] = "referential"
    references: Reference
    nulls: Literal["ignore", "fail"] = "ignore"

    @model_validator(mode="after")
    def _as_many_there_as_here(self) -> ReferentialRule:
        here, there = len(self.fields), len(self.references.fields)
        if here != there:
            raise ValueError(f"{here} fields cannot refer to {there}; list them in the same order")
        return self

    @property
    def label(self) -> str:
        """How reports call it: its own name, or `referential(carrier → ns/airlines)`."""
        return self.name or f"referential({', '.join(self.fields)} → {self.references.dataset})"


@dataclass(frozen=True)
class PinnedTable:
    """The release that a rule is judged against, and its Parquet files."""

    id: str
    release: str
    manifest_sha256: str
    files: Sequence[str]

    def __str__(self) -> str:
        return f"{self.id}@{self.release}"


Pinned = Mapping[Reference, PinnedTable | OpenDataError]
"""What the rules of a contract refer to; an error stands where a release cannot be had."""


def referential_rules(rules: Sequence[object]) -> tuple[ReferentialRule, ...]:
    """Those of the rules that need another data set."""
    return tuple(rule for rule in rules if isinstance(rule, ReferentialRule))
