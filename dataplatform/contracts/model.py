"""What a data set promises: its fields, key and rules, and how its releases behave.

Here belong the values under which promises are written in `opendata.yaml` and stored in a
manifest; they round-trip through JSON. A column's own shape stands in `fields`, the rules' in
`rules`, the quality gate's in `thresholds`, and what must agree between them in `consistency`.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dataplatform.contracts.consistency import coordinate_problems, field_problems, rule_problems
from dataplatform.contracts.coordinates import CoordinateReference
from dataplatform.contracts.duration import Duration, parse_duration
from dataplatform.contracts.fields import FieldSpec
from dataplatform.contracts.problems import raise_problems
from dataplatform.contracts.rules import (
    ArrivalTimeRule,
    CrossFieldRule,
    CustomRule,
    DimCheckRule,
    EnumSetRule,
    FieldName,
    MonotonicRule,
    NotNullRule,
    RangeRule,
    ReferentialRule,
    RegexRule,
    Rule,
    Severity,
    UniqueRule,
)
from dataplatform.contracts.thresholds import (
    DriftOf,
    ExpectationSpec,
    Metric,
    MetricThreshold,
    QualityRule,
)
from opendata.wire.digest import json_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.version import parse_version

__all__ = [
    "ArrivalTimeRule",
    "Contract",
    "CrossFieldRule",
    "CustomRule",
    "DimCheckRule",
    "DriftOf",
    "EnumSetRule",
    "ExpectationSpec",
    "FieldSpec",
    "FreezeMode",
    "Metric",
    "MetricThreshold",
    "MonotonicRule",
    "NotNullRule",
    "QualityRule",
    "RangeRule",
    "ReferentialRule",
    "RegexRule",
    "ReleaseSettings",
    "Rule",
    "Severity",
    "Shard",
    "StableCopy",
    "UniqueRule",
]


INDEXES_MAX: Final = 32
INDEX_KEYS_MAX: Final = 8
INDEX_WINDOW_MAX: Final = 100
# A year of fewer digits has no name that sorts.
_FIRST_YEAR: Final = 1000


def _canonical_version(text: str) -> str:
    try:
        return str(parse_version(text))
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _day(value: object) -> date:
    """A day as it is written in the file; nothing else is guessed to be one."""
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else date.min
        except ValueError:
            day = date.min
    if day.year < _FIRST_YEAR:
        raise ValueError(f"{str(value)!r} is no day since the year 1000: write 2022-01-01")
    return day


def _one_name_is_a_list_of_one(value: object) -> object:
    return [value] if isinstance(value, str) else value


VersionText = Annotated[str, AfterValidator(_canonical_version)]
SinceDay = Annotated[date, BeforeValidator(_day)]
IndexKeys = Annotated[
    tuple[FieldName, ...],
    BeforeValidator(_one_name_is_a_list_of_one),
    Field(min_length=1, max_length=INDEX_KEYS_MAX),
]


class Contract(BaseModel):
    """Fields, key, rules and reference system of a data set.

    A contract without fields leaves the columns open (the first release's schema fills them in);
    fields of the primary key are never nullable, whatever was written. `crs` is what the
    coordinates are in, where the rows have some.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Stands first, because the fields are read in the light of it.
    primary_key: tuple[FieldName, ...] = ()
    fields: tuple[FieldSpec, ...] = ()
    rules: tuple[Rule, ...] = ()
    crs: CoordinateReference | None = None

    @field_validator("fields")
    @classmethod
    def _keys_are_not_null(
        cls, fields: tuple[FieldSpec, ...], info: ValidationInfo
    ) -> tuple[FieldSpec, ...]:
        keys = set(info.data.get("primary_key", ()))
        return tuple(_not_nullable(field) if field.name in keys else field for field in fields)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Contract:
        raise_problems(
            "Contract",
            [
                *field_problems(self.fields, self.primary_key),
                *rule_problems(self.rules, self.fields),
                *coordinate_problems(self.crs, self.fields),
            ],
        )
        return self

    @property
    def field_names(self) -> tuple[str, ...]:
        """The declared columns in order."""
        return tuple(field.name for field in self.fields)

    @property
    def digest(self) -> str:
        """The digest of what it asks: facts measured under one contract fit no other."""
        return json_digest(self.model_dump(mode="json", exclude_none=True))

    def field(self, name: str) -> FieldSpec | None:
        """The declared column of that name (not alias), or None."""
        return next((field for field in self.fields if field.name == name), None)

    def arrow_schema(self) -> pa.Schema:
        """The declared columns as an Arrow schema, without metadata."""
        return pa.schema([pa.field(f.name, f.arrow_type, f.nullable) for f in self.fields])


class FreezeMode(StrEnum):
    """Whether a frozen release may still be followed by a hot fix on its line."""

    SOFT = "soft"
    HARD = "hard"


class Shard(StrEnum):
    """By which part of the time column a release is cut into files."""

    NONE = "none"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"


class StableCopy(StrEnum):
    """Whether the whole release is also written as one file under a stable key."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class KeepSources(StrEnum):
    """Whether the bytes that a producer fetched are kept, so that the release can be reproduced."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ReleaseSettings(BaseModel):
    """How releases are frozen, cut and numbered.

    `since` tells where the partitions of a sharded data set begin; `version` declares the next
    major; `keep_sources` is `auto` where nothing is said. `indexes` are the columns by which
    look-ups find their shards; one that is no longer listed is written for `index_window` minor
    schema versions yet, for readers that use it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    freeze: FreezeMode = FreezeMode.SOFT
    observation: Duration = parse_duration("7d")
    shard: Shard = Shard.NONE
    since: SinceDay | None = None
    stable_copy: StableCopy = StableCopy.AUTO
    reader_min: VersionText | None = None
    version: VersionText | None = None
    # None where nothing is said, so that definitions that were stored before keep their digests.
    indexes: Annotated[tuple[IndexKeys, ...], Field(max_length=INDEXES_MAX)] | None = None
    index_window: Annotated[int, Field(ge=0, le=INDEX_WINDOW_MAX)] | None = None
    keep_sources: KeepSources | None = None


def _not_nullable(field: FieldSpec) -> FieldSpec:
    return field.model_copy(update={"nullable": False})
