"""What queries cost readers: the measured values, and thresholds over them (S4-46).

Here belong the values and the judgement, both pure. Asking the queries belongs to an adapter,
which of them are asked to `releases.costs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dataplatform.contracts.report import Finding, not_evaluated
from dataplatform.contracts.thresholds import Metric, MetricThreshold
from opendata.wire.words import counted

FIRST_RELEASE = "first release: nothing to compare with"
Fields = tuple[str, ...]


@dataclass(frozen=True)
class Pruning:
    """What statistics let `queries` look-ups leave unread, of all row groups and shards.

    `groups_read` and `shards_read` are summed over the queries.
    """

    queries: int
    groups: int
    groups_read: int
    shards: int
    shards_read: int

    @property
    def rate(self) -> float | None:
        """The share left unread of the row groups that need not be read: all but one a query.

        None where there is nothing to leave unread.
        """
        needless = self.queries * (self.groups - 1)
        if needless <= 0:
            return None
        # A look-up that is ruled out altogether leaves even the one unread.
        return min((self.queries * self.groups - self.groups_read) / needless, 1.0)


@dataclass(frozen=True)
class LookUps:
    """How long one round of `queries` look-ups by `fields` took: medians over `rounds`.

    `ratio` is the median of the rounds' own ratios, since both releases are asked in each round.
    """

    fields: Fields
    queries: int
    rounds: int
    seconds: float
    previous_seconds: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Unmeasured:
    """Why something could not be measured."""

    why: str
    hint: str | None = None


@dataclass(frozen=True)
class QueryCosts:
    """What was measured for thresholds over queries: look-ups by the fields that a threshold
    names, pruning by single field. `same_files` says that both releases are the same bytes."""

    look_ups: Mapping[Fields, LookUps | Unmeasured] = field(default_factory=dict)
    pruning: Mapping[str, Pruning | Unmeasured] = field(default_factory=dict)
    previous_pruning: Mapping[str, Pruning | Unmeasured] = field(default_factory=dict)
    is_first: bool = True
    same_files: bool = False


def judge_queries(rule: MetricThreshold, costs: QueryCosts) -> Iterator[Finding]:
    """The findings of a threshold over queries."""
    if rule.metric is Metric.QUERY_LATENCY:
        yield _latency(rule, costs)
        return
    for name in rule.fields:
        yield _pruning(rule, name, costs)


def _latency(rule: MetricThreshold, costs: QueryCosts) -> Finding:
    measured = costs.look_ups.get(rule.fields)
    limit = float(rule.max_ratio or 0)
    if costs.same_files:
        told = "the files are those of the current release"
        return _finding(rule, rule.label, rule.fields, [], told, value=1.0, limit=limit)
    if not isinstance(measured, LookUps):
        return _unmeasured(rule, rule.label, rule.fields, measured)
    asked = f"{counted(measured.queries, 'look-up')} by {', '.join(measured.fields)}"
    took = f"{asked} took {_shown(measured.seconds)}"
    if measured.ratio is None or measured.previous_seconds is None:
        why = FIRST_RELEASE if costs.is_first else "the current release cannot be asked the same"
        return _finding(rule, rule.label, measured.fields, [], f"{took} ({why})", limit=limit)
    told = (
        f"{took}, {measured.ratio:.3g} times the {_shown(measured.previous_seconds)} in the "
        f"current release; at most {limit:g} asked"
    )
    broken = [told] if measured.ratio > limit else []
    return _finding(
        rule, rule.label, measured.fields, broken, told, value=measured.ratio, limit=limit
    )


def _pruning(rule: MetricThreshold, name: str, costs: QueryCosts) -> Finding:
    label = rule.name or f"{rule.metric}({name})"
    measured = costs.pruning.get(name)
    if not isinstance(measured, Pruning):
        return _unmeasured(rule, label, (name,), measured)
    rate = measured.rate
    if rate is None:
        told = f"{counted(measured.groups, 'row group')}: there is nothing to leave unread"
        return _finding(rule, label, (name,), [], told)
    shown = (
        f"look-ups by {name} leave {rate:.4%} of the row groups unread that need not be read "
        f"({measured.groups_read} of {measured.queries * measured.groups} read, in "
        f"{measured.shards_read} of {measured.queries * measured.shards} shards)"
    )
    broken = []
    if rule.min is not None and rate < rule.min:
        broken.append(f"{shown}, at least {rule.min:.4%} asked")
    broken += _pruned_less(rule, rate, name, costs)
    told = shown
    if rule.min_ratio is not None and costs.is_first:
        told = f"{shown} ({FIRST_RELEASE})"
    asked = rule.min if rule.min is not None else rule.min_ratio
    return _finding(rule, label, (name,), broken, told, value=rate, limit=float(asked or 0))


def _pruned_less(rule: MetricThreshold, rate: float, name: str, costs: QueryCosts) -> Sequence[str]:
    before = costs.previous_pruning.get(name)
    previous = before.rate if isinstance(before, Pruning) else None
    if rule.min_ratio is None or not previous:
        return []
    if rate >= rule.min_ratio * previous:
        return []
    return [
        f"that is {rate / previous:.4g} times the {previous:.4%} of the current release, at least "
        f"{rule.min_ratio:g} asked"
    ]


def _finding(
    rule: MetricThreshold,
    label: str,
    fields: Fields,
    broken: Sequence[str],
    told: str,
    **figures: Any,
) -> Finding:
    hints = {
        Metric.QUERY_LATENCY: "see whether rows are still sorted and cut by what they are looked "
        "up by; the time varies with the machine's load, so run the check again before acting",
        Metric.PRUNING: "sort the rows by this field (`primary_key`, `time`) or cut them by time "
        "(`release.shard`), or lower the limit",
    }
    return Finding(
        rule=label,
        fields=fields,
        severity=rule.severity,
        passed=not broken,
        checked=1,
        failing=int(bool(broken)),
        message="; ".join(broken) or told,
        hint=hints[rule.metric] if broken else None,
        **figures,
    )


def _unmeasured(rule: MetricThreshold, label: str, fields: Fields, found: object) -> Finding:
    if isinstance(found, Unmeasured):
        return not_evaluated(label, fields, rule.severity, found.why, found.hint)
    return not_evaluated(label, fields, rule.severity, "no query was asked")


def _shown(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1_000:.3g} ms"
