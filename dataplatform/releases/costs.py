"""Costs: which typical queries the quality gate asks of a candidate and of the current release.

Here belongs choosing what is asked; asking belongs to the probe, judging to
`contracts.performance`. Nothing is asked where no threshold wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from dataplatform.contracts.model import Metric, MetricThreshold
from dataplatform.contracts.performance import Fields, LookUps, Pruning, QueryCosts, Unmeasured
from dataplatform.releases.candidate import Candidate, as_manifest
from dataplatform.releases.ports import QueryProbe
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest

T = TypeVar("T", Pruning, LookUps)
NO_FIELDS = Unmeasured(
    "the data set has neither a primary key nor a time column to look rows up by",
    "name what readers look rows up by: {metric: query_latency, fields: [...]}",
)


def query_costs(
    probe: QueryProbe,
    candidate: Candidate,
    digest: str,
    current: Manifest | None,
    rules: Sequence[MetricThreshold],
) -> QueryCosts | None:
    """What the queries that `rules` are about cost; None where none is about queries.

    Raises:
        Corrupt, Unavailable: if the rows of either release cannot be read.
    """
    about = [rule for rule in rules if rule.is_about_queries]
    if not about:
        return None
    draft = as_manifest(candidate, digest)
    same = current is not None and current.files == candidate.files
    pruned = [rule for rule in about if rule.metric is Metric.PRUNING]
    fields = _known(draft, [name for rule in pruned for name in rule.fields])
    pruning = {name: _asked(partial(probe.pruning, draft, name)) for name in fields}
    return QueryCosts(
        look_ups={} if same else _look_ups(probe, draft, current, about),
        pruning=pruning,
        previous_pruning=pruning if same else _previous_pruning(probe, current, pruned),
        is_first=current is None,
        same_files=same,
    )


def _look_ups(
    probe: QueryProbe, draft: Manifest, current: Manifest | None, rules: Sequence[MetricThreshold]
) -> dict[Fields, LookUps | Unmeasured]:
    found: dict[Fields, LookUps | Unmeasured] = {}
    for rule in rules:
        fields = rule.fields or _usual_fields(draft)
        if rule.metric is not Metric.QUERY_LATENCY or len(_known(draft, fields)) < len(fields):
            continue
        before = current if current and len(_known(current, fields)) == len(fields) else None
        found[rule.fields] = (
            _asked(partial(probe.look_ups, draft, before, fields)) if fields else NO_FIELDS
        )
    return found


def _previous_pruning(
    probe: QueryProbe, current: Manifest | None, rules: Sequence[MetricThreshold]
) -> dict[str, Pruning | Unmeasured]:
    if current is None:
        return {}
    compared = [name for rule in rules if rule.min_ratio is not None for name in rule.fields]
    return {
        name: _asked(partial(probe.pruning, current, name)) for name in _known(current, compared)
    }


def _usual_fields(manifest: Manifest) -> Fields:
    """What rows are looked up by where nothing is named: the primary key, else the time."""
    key = tuple(manifest.contract.get("primary_key", ()))
    return key or ((manifest.time_column,) if manifest.time_column else ())


def _known(manifest: Manifest, fields: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(fields) if manifest.field(name)]


def _asked(ask: Callable[[], T]) -> T | Unmeasured:
    """What a column's type cannot be asked is no crash of the gate."""
    try:
        return ask()
    except InvalidInput as error:
        return Unmeasured(error.message, error.hint)
