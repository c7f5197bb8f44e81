"""What the quality gate asks for: thresholds of measured metrics, and expectations by name.

Here belong their shapes. Measuring belongs to the profile, judging to the quality gate, running
an expectation to the adapter that knows the library.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    JsonValue,
    PlainValidator,
    Tag,
    model_validator,
)

from dataplatform.contracts.duration import Duration
from dataplatform.contracts.rule_parts import (
    FieldName,
    RuleName,
    Severity,
    with_one_field_as_list,
)


class Metric(StrEnum):
    """What can be measured of a candidate."""

    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    FRESHNESS = "freshness"
    VOLUME = "volume"
    DRIFT = "drift"
    QUERY_LATENCY = "query_latency"
    PRUNING = "pruning"


class DriftOf(StrEnum):
    """Which figure of a column is compared with that of the current release."""

    MEAN = "mean"
    NULL_SHARE = "null_share"
    DISTINCT = "distinct"


def _threshold(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("a threshold is a number of 0 or more")
    return value


Number = Annotated[int | float, PlainValidator(_threshold)]

_LIMITS: Final[dict[Metric, tuple[str, ...]]] = {
    Metric.COMPLETENESS: ("min",),
    Metric.UNIQUENESS: ("min",),
    Metric.FRESHNESS: ("max_age",),
    Metric.VOLUME: ("min", "max", "min_ratio", "max_ratio"),
    Metric.DRIFT: ("max",),
    Metric.QUERY_LATENCY: ("max_ratio",),
    Metric.PRUNING: ("min", "min_ratio"),
}
_ALL_LIMITS: Final = ("min", "max", "min_ratio", "max_ratio", "max_age")
_SHARES: Final = (Metric.COMPLETENESS, Metric.UNIQUENESS, Metric.PRUNING)
_NEED_FIELDS: Final = (Metric.UNIQUENESS, Metric.DRIFT, Metric.PRUNING)
_OF_QUERIES: Final = (Metric.QUERY_LATENCY, Metric.PRUNING)


class MetricThreshold(BaseModel):
    """A limit of one metric.

    =============  =======================================================  ==================
    metric         measures                                                 limits
    =============  =======================================================  ==================
    completeness   share of rows where every one of `fields` is not null    min (0 to 1)
    uniqueness     distinct values of `fields` over rows                    min (0 to 1)
    freshness      time since the newest value of the time column           max_age
    volume         rows; with a ratio, rows over rows of the last release   min, max, *_ratio
    drift          relative change of `of` against the last release         max
    query_latency  time of look-ups by `fields` over that in the last one   max_ratio
    pruning        row groups that look-ups by a field need not read        min, min_ratio
    =============  =======================================================  ==================

    Without `fields`, completeness is judged over all columns and look-ups go by the primary key,
    else by the time column; uniqueness, drift and pruning need them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Metric
    fields: tuple[FieldName, ...] = ()
    min: Number | None = None
    max: Number | None = None
    min_ratio: Number | None = None
    max_ratio: Number | None = None
    max_age: Duration | None = None
    of: DriftOf = DriftOf.MEAN
    severity: Severity = Severity.ERROR
    name: RuleName | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_field_is_a_list_of_one(cls, data: Any) -> Any:
        return with_one_field_as_list(data)

    @model_validator(mode="after")
    def _limits_fit_the_metric(self) -> MetricThreshold:
        given = [limit for limit in _ALL_LIMITS if getattr(self, limit) is not None]
        known = _LIMITS[self.metric]
        if foreign := [limit for limit in given if limit not in known]:
            raise ValueError(f"{self.metric} has no `{foreign[0]}`; it takes {' or '.join(known)}")
        if not given:
            raise ValueError(f"{self.metric} needs {' or '.join(f'`{name}`' for name in known)}")
        if self.metric in _SHARES and self.min is not None and self.min > 1:
            raise ValueError(f"{self.metric} is a share: `min` lies between 0 and 1")
        if self.metric in (Metric.FRESHNESS, Metric.VOLUME) and self.fields:
            raise ValueError(f"{self.metric} is measured of the whole table; leave `fields` out")
        if self.metric in _NEED_FIELDS and not self.fields:
            raise ValueError(f"{self.metric} needs `field` or `fields`")
        if self.metric is not Metric.DRIFT and self.of is not DriftOf.MEAN:
            raise ValueError(f"`of` belongs to drift, not to {self.metric}")
        return self

    @property
    def is_about_queries(self) -> bool:
        """Whether it is judged by what queries cost, and not on the profile."""
        return self.metric in _OF_QUERIES

    @property
    def label(self) -> str:
        """How reports call the threshold, such as `completeness(y10)`."""
        of_fields = f"({', '.join(self.fields)})" if self.fields else ""
        return self.name or f"{self.metric}{of_fields}"


def _expectation_name(text: str) -> str:
    if not re.fullmatch(r"expect_[a-z0-9_]{1,120}", text):
        raise ValueError(f"{text!r} is no expectation: their names begin with expect_")
    return text


class ExpectationSpec(BaseModel):
    """A Great Expectations expectation by its own name; all further keys are its arguments."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    expectation: Annotated[str, AfterValidator(_expectation_name)]
    severity: Severity = Severity.ERROR

    @property
    def arguments(self) -> dict[str, Any]:
        """The expectation's own keyword arguments."""
        return dict(self.__pydantic_extra__)

    @property
    def label(self) -> str:
        """How reports call it: the name, with the column it concerns."""
        columns = self.arguments.get("column") or self.arguments.get("column_list") or ""
        if isinstance(columns, list):
            columns = ", ".join(str(column) for column in columns)
        return f"{self.expectation}({columns})" if columns else self.expectation


def _told_apart(data: Any) -> str | None:
    # No tag may be a key as well: an error's location names both.
    if isinstance(data, BaseModel):
        return "threshold" if isinstance(data, MetricThreshold) else "named"
    if not isinstance(data, dict):
        return None
    return "named" if "expectation" in data else "threshold"


QualityRule = Annotated[
    Annotated[MetricThreshold, Tag("threshold")] | Annotated[ExpectationSpec, Tag("named")],
    Discriminator(_told_apart),
]
