"""What must agree between the sections of one definition.

Here belong the checks across sections, as values: the place and a sentence. What is wrong inside
one section is said by that section's own model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from dataplatform.contracts.consistency import unknown_name
from dataplatform.contracts.model import (
    Contract,
    DriftOf,
    ExpectationSpec,
    FieldSpec,
    Metric,
    MetricThreshold,
    QualityRule,
    ReferentialRule,
    ReleaseSettings,
    Shard,
)
from dataplatform.contracts.problems import Place, Problem
from dataplatform.contracts.values import can_be_looked_up, is_number
from opendata.wire.ids import DatasetId

# The arguments under which expectations name columns.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")


def time_problems(
    time: str | None, contract: Contract | None, release: ReleaseSettings
) -> Iterator[Problem]:
    """Whether the time column is one, and is there where shards need it."""
    if release.since is not None and release.shard is Shard.NONE:
        message = "partitions are cut as shards are; name a `shard` too, such as month"
        yield ("release", "since"), message
    if time is None:
        if release.shard is not Shard.NONE:
            message = "shards are cut along the time column; name it under `time`"
            yield ("release", "shard"), message
    elif contract is not None and contract.fields:
        field = contract.field(time)
        if field is None:
            yield ("time",), unknown_name(time, contract.field_names)
        elif not _tells_time(field):
            message = f"{field.name!r} is {field.type}; a time column is a date or a timestamp"
            yield ("time",), message


def index_problems(contract: Contract | None, release: ReleaseSettings) -> Iterator[Problem]:
    """Whether indexes are by columns that are there and can be looked up by."""
    indexes = release.indexes or ()
    for at, keys in enumerate(indexes):
        if keys in indexes[:at]:
            yield ("release", "indexes", at), f"the index by {', '.join(keys)} stands here twice"
        for position, name in enumerate(keys):
            place: Place = ("release", "indexes", at, position)
            field = contract.field(name) if contract is not None else None
            if name in keys[:position]:
                yield place, f"{name!r} is in the index twice"
            elif field is not None and not can_be_looked_up(field.arrow_type):
                yield place, f"nobody looks up by {field.type} ({name!r})"
            elif field is None and contract is not None and contract.fields:
                yield place, unknown_name(name, contract.field_names)


def window_problems(
    window: int | None, inputs: Sequence[DatasetId], release: ReleaseSettings
) -> Iterator[Problem]:
    """Whether a schedule asks for partitions that are not there."""
    if window is None:
        return
    if release.shard is Shard.NONE:
        message = "a window counts partitions, which follow shards; name `release.shard`"
        yield ("schedule", "window"), message
    elif inputs:
        message = "a data set with inputs has no partitions; it is always built as a whole"
        yield ("schedule", "window"), message


def input_problems(own: DatasetId, inputs: Sequence[DatasetId]) -> Iterator[Problem]:
    """Whether a data set would be derived from itself."""
    for at, other in enumerate(inputs):
        if other == own:
            yield ("inputs", at), "a data set cannot be its own input; see context.previous"


def reference_problems(own: DatasetId, contract: Contract | None) -> Iterator[Problem]:
    """Whether a rule would look values up in the very data set that it judges."""
    for at, rule in enumerate(contract.rules if contract else ()):
        if isinstance(rule, ReferentialRule) and rule.references.dataset == str(own):
            message = (
                "a release cannot refer to itself; a rule of kind custom can: "
                "SELECT … FROM data WHERE … NOT IN (SELECT … FROM data)"
            )
            yield ("contract", "rules", at, "references", "dataset"), message


def repeats(section: str, values: Sequence[object]) -> Iterator[Problem]:
    """What stands in a list twice."""
    for at, value in enumerate(values):
        if value in values[:at]:
            yield (section, at), f"{str(value)!r} stands here twice"


def quality_problems(
    rules: Sequence[QualityRule], contract: Contract | None, time: str | None
) -> Iterator[Problem]:
    """Whether quality rules measure what is there."""
    for at, rule in enumerate(rules):
        freshness = isinstance(rule, MetricThreshold) and rule.metric is Metric.FRESHNESS
        if freshness and time is None:
            yield ("quality", at), "freshness is measured of the time column; name it under `time`"
        if contract is None or not contract.fields:
            continue
        for place, name in _columns(rule):
            field = contract.field(name)
            if field is None:
                yield ("quality", at, *place), unknown_name(name, contract.field_names)
            elif _averages(rule) and not is_number(field.arrow_type):
                message = f"{name!r} is {field.type} and has no mean; use `of: distinct`"
                yield ("quality", at, *place), message


def _columns(rule: MetricThreshold | ExpectationSpec) -> Iterator[tuple[Place, str]]:
    if isinstance(rule, MetricThreshold):
        yield from ((("fields", at), name) for at, name in enumerate(rule.fields))
        return
    for argument in _COLUMN_ARGUMENTS:
        named = rule.arguments.get(argument)
        if isinstance(named, str):
            yield (argument,), named
        elif isinstance(named, list):
            pairs = enumerate(named)
            yield from (((argument, at), name) for at, name in pairs if isinstance(name, str))


def _averages(rule: MetricThreshold | ExpectationSpec) -> bool:
    return (
        isinstance(rule, MetricThreshold)
        and rule.metric is Metric.DRIFT
        and rule.of is DriftOf.MEAN
    )


def _tells_time(field: FieldSpec) -> bool:
    data_type = field.arrow_type
    return bool(pa.types.is_date(data_type) or pa.types.is_timestamp(data_type))
