"""The quality gate's thresholds: a profile against limits, and against the current release.

Here belong the judgements as pure functions; `now_at` is given. Measuring belongs to the contract
engine, Great Expectations' rules to their adapter.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from dataplatform.contracts.duration import duration_text
from dataplatform.contracts.model import DriftOf, Metric, MetricThreshold
from dataplatform.contracts.performance import FIRST_RELEASE, QueryCosts, judge_queries
from dataplatform.contracts.profile import ColumnProfile, Profile
from dataplatform.contracts.report import Finding, Report, not_evaluated
from opendata.wire.errors import InvalidInput

# A date begins up to 14 hours earlier in the east, and stands here as midnight in UTC.
AHEAD_MAX: Final = timedelta(days=1)


def check_quality(
    rules: Sequence[MetricThreshold],
    profile: Profile,
    previous: Profile | None,
    now_at: datetime,
    costs: QueryCosts | None = None,
) -> Report:
    """Judge a profile by thresholds; `previous` is that of the current release, if there is one.

    `costs` are what queries cost, for thresholds that ask for that.

    Raises:
        InvalidInput: where `now_at` has no zone.
    """
    if now_at.tzinfo is None:
        raise InvalidInput(f"{now_at!r} has no time zone")
    findings: list[Finding] = []
    for rule in rules:
        if rule.is_about_queries and set(rule.fields) <= set(profile.columns):
            findings += judge_queries(rule, costs or QueryCosts())
        else:
            findings += _judge(rule, profile, previous, now_at)
    return Report(gate="quality", row_count=profile.row_count, findings=tuple(findings))


def _judge(
    rule: MetricThreshold, profile: Profile, previous: Profile | None, now_at: datetime
) -> Iterator[Finding]:
    unknown = [name for name in rule.fields if name not in profile.columns]
    if unknown:
        yield _unknown_field(rule, unknown[0], profile)
    elif rule.metric is Metric.COMPLETENESS:
        yield _completeness(rule, profile)
    elif rule.metric is Metric.UNIQUENESS:
        yield _uniqueness(rule, profile)
    elif rule.metric is Metric.FRESHNESS:
        yield _freshness(rule, profile, now_at)
    elif rule.metric is Metric.VOLUME:
        yield _volume(rule, profile, previous)
    else:
        for name in rule.fields:
            yield _drift(rule, name, profile, previous)


def _completeness(rule: MetricThreshold, profile: Profile) -> Finding:
    complete = _complete_rows(rule.fields, profile)
    if complete is None:
        return _unmeasured(rule)
    share = complete / profile.row_count if profile.row_count else 1.0
    limit = rule.min or 0
    missing = profile.row_count - complete
    return Finding(
        rule=rule.label,
        fields=rule.fields,
        severity=rule.severity,
        passed=share >= limit,
        checked=profile.row_count,
        failing=missing,
        message=(
            f"{share:.4%} of rows are complete ({missing:,} are not), at least {limit:.4%} asked"
        ),
        hint="find out why the source lost values, or lower `min`",
    )


def _complete_rows(fields: tuple[str, ...], profile: Profile) -> int | None:
    if fact := profile.fact(fields):
        return fact.complete_rows
    with_nulls = [name for name in fields or profile.columns if profile.columns[name].null_count]
    if len(with_nulls) > 1:
        return None
    return profile.row_count - sum(profile.columns[name].null_count for name in with_nulls)


def _uniqueness(rule: MetricThreshold, profile: Profile) -> Finding:
    fact = profile.fact(rule.fields)
    if fact is None or fact.distinct_rows is None:
        return _unmeasured(rule)
    share = fact.distinct_rows / fact.complete_rows if fact.complete_rows else 1.0
    limit = rule.min or 0
    return Finding(
        rule=rule.label,
        fields=rule.fields,
        severity=rule.severity,
        passed=share >= limit,
        checked=fact.complete_rows,
        failing=fact.complete_rows - fact.distinct_rows,
        message=(
            f"{share:.4%} of values are distinct ({fact.distinct_rows:,} of "
            f"{fact.complete_rows:,}), at least {limit:.4%} asked"
        ),
        hint="look for rows delivered twice, or lower `min`",
    )


def _freshness(rule: MetricThreshold, profile: Profile, now_at: datetime) -> Finding:
    if rule.max_age is None or profile.time_max is None:
        why = "the table has no time to be judged by"
        hint = "name the time column with `time:` and deliver at least one row that has a time"
        return not_evaluated(rule.label, (), rule.severity, why, hint)
    newest_at = _instant(profile.time_max)
    if newest_at is None:
        why = f"the newest time, {profile.time_max}, lies beyond the calendar"
        return not_evaluated(rule.label, (), rule.severity, why, "correct the time at its source")
    age = now_at - newest_at
    if age < -AHEAD_MAX:
        return _in_the_future(rule, profile.time_max, -age, now_at)
    return Finding(
        rule=rule.label,
        fields=(),
        severity=rule.severity,
        passed=age <= rule.max_age,
        checked=1,
        failing=int(age > rule.max_age),
        message=(
            f"the newest row is of {profile.time_max}, {duration_text(max(age, age * 0))} ago "
            f"(it is {_clock_text(now_at)}); at most {duration_text(rule.max_age)} asked"
        ),
        hint="see whether the source has stopped and the clock is right, or raise `max_age`",
    )


def _in_the_future(
    rule: MetricThreshold, newest: str, ahead: timedelta, now_at: datetime
) -> Finding:
    """An age below nothing is no freshness: the row or the clock is wrong."""
    return Finding(
        rule=rule.label,
        fields=(),
        severity=rule.severity,
        passed=False,
        checked=1,
        failing=1,
        message=f"the newest row is of {newest}, {duration_text(ahead)} in the future "
        f"(it is {_clock_text(now_at)})",
        hint="see whether this machine's clock is right (date -u) and the row's time is; data that "
        "is meant to reach into the future has no freshness",
    )


def _clock_text(now_at: datetime) -> str:
    """By which clock it was judged, so that a wrong one shows."""
    return now_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:  # a year beyond 9999, which columns can hold
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _volume(rule: MetricThreshold, profile: Profile, previous: Profile | None) -> Finding:
    rows = profile.row_count
    broken = [
        *_beyond(rows, rule.min, rule.max, f"{rows:,} rows"),
        *_ratio_broken(rule, rows, previous),
    ]
    compared = rule.min_ratio is not None or rule.max_ratio is not None
    first = f" ({FIRST_RELEASE})" if compared and previous is None else ""
    return Finding(
        rule=rule.label,
        fields=(),
        severity=rule.severity,
        passed=not broken,
        checked=rows,
        failing=int(bool(broken)),
        message="; ".join(broken) or f"{rows:,} rows{first}",
        hint="compare with the source's own count, or change the limits",
    )


def _ratio_broken(rule: MetricThreshold, rows: int, previous: Profile | None) -> list[str]:
    if previous is None:
        return []
    if previous.row_count == 0:
        ratio = 1.0 if rows == 0 else float("inf")
    else:
        ratio = rows / previous.row_count
    shown = f"{rows:,} rows are {ratio:.4g} times the {previous.row_count:,} of the current release"
    return _beyond(ratio, rule.min_ratio, rule.max_ratio, shown)


def _beyond(value: float, low: float | None, high: float | None, shown: str) -> list[str]:
    if low is not None and value < low:
        return [f"{shown}, at least {low:,} asked"]
    if high is not None and value > high:
        return [f"{shown}, at most {high:,} asked"]
    return []


def _drift(rule: MetricThreshold, name: str, profile: Profile, previous: Profile | None) -> Finding:
    label = rule.name or f"drift({name} {rule.of})"
    before = previous.columns.get(name) if previous else None
    if previous is None or before is None:
        why = FIRST_RELEASE if previous is None else f"{name} is new in this release"
        return _drift_finding(rule, label, name, change=0.0, message=why)
    old = _figure(rule.of, before, previous.row_count)
    new = _figure(rule.of, profile.columns[name], profile.row_count)
    if old is None or new is None:
        which = "the current release" if old is None else "this candidate"
        why = f"{name} has no {rule.of} in {which}"
        return not_evaluated(label, (name,), rule.severity, why)
    change = _relative_change(old, new)
    moved = f"{rule.of} moved by {change:.4%} ({old:.6g} → {new:.6g})"
    message = f"{moved}, at most {rule.max or 0:.4%} asked"
    return _drift_finding(rule, label, name, change=change, message=message)


def _drift_finding(
    rule: MetricThreshold, label: str, name: str, *, change: float, message: str
) -> Finding:
    limit = rule.max or 0
    # A change of exactly the limit passes, however its quotient was rounded.
    passed = change <= limit or math.isclose(change, limit, rel_tol=1e-9)
    return Finding(
        rule=label,
        fields=(name,),
        severity=rule.severity,
        passed=passed,
        checked=1,
        failing=int(not passed),
        message=message,
        hint=None if passed else f"od diff shows which rows moved {name}; or raise `max`",
    )


def _figure(of: DriftOf, column: ColumnProfile, row_count: int) -> float | None:
    if of is DriftOf.MEAN:
        return column.mean
    if of is DriftOf.DISTINCT:
        return column.distinct_estimate
    return column.null_count / row_count if row_count else 0.0


def _relative_change(old: float, new: float) -> float:
    """How far `new` lies from `old`, as a share of `old`; from nothing to something is infinite."""
    if old == new:
        return 0.0
    return abs(new - old) / abs(old) if old else float("inf")


def _unknown_field(rule: MetricThreshold, name: str, profile: Profile) -> Finding:
    near = difflib.get_close_matches(name, profile.columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"columns are {', '.join(profile.columns)}"
    why = f"the table has no column {name!r}"
    return not_evaluated(rule.label, rule.fields, rule.severity, why, hint)


def _unmeasured(rule: MetricThreshold) -> Finding:
    why = "the profile was measured without this threshold, so the exact count is missing"
    return not_evaluated(rule.label, rule.fields, rule.severity, why)
