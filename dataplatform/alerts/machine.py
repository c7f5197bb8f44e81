"""The state machine: from a state, what was found and the time to the next state.

Pure: nothing is sent here. What is to be sent is put into the state's outbox, and so is recorded
with the state before anybody sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from dataplatform.alerts.finding import Finding, Observation, Severity
from dataplatform.alerts.outbox import queue
from dataplatform.alerts.policy import Policy
from dataplatform.alerts.state import Alert, AlertState
from opendata.wire.codec import replace
from opendata.wire.errors import NotFound
from opendata.wire.times import format_instant, parse_instant

LONGEST_GAP: Final = timedelta(hours=6)
"""What at most passes between two looks. A clock that jumps years ahead escalates no further than
that; after a longer outage the steps beyond it are late by as much."""
SET_BACK: Final = timedelta(minutes=10)
"""A time that is earlier than the last one by less is somebody else's look, a little older: time
stands still. By more, the clock was set back, and time goes on from there."""
_DOUBLINGS_MAX: Final = 8


def advance(state: AlertState, seen: Observation, policy: Policy, now: datetime) -> AlertState:
    """The state after a look at `now`; given the same again at the same time, it stays the same."""
    state = with_time(state, now)
    state = _take_in(state, seen, policy, now)
    state = _miss(state, seen)
    for key in sorted(state.alerts):
        state = _settle(state, state.alerts[key], policy, now)
    for key in sorted(state.alerts):
        state = _tell(state, state.alerts[key], seen, policy, now)
    return state


def with_time(state: AlertState, now: datetime) -> AlertState:
    """The state with the clock moved on; one that goes back moves nothing."""
    last = parse_instant(state.ticked_at) if state.ticked_at else now
    if timedelta() < last - now < SET_BACK:
        return state
    passed = min(max(now - last, timedelta()), LONGEST_GAP)
    elapsed = state.elapsed + microseconds(passed)
    return replace(state, ticked_at=format_instant(now), elapsed=elapsed)


def acknowledge(state: AlertState, key: str, *, by: str, now: datetime) -> AlertState:
    """Somebody is at it: no reminders and no further steps until it is over or gets worse.

    Raises:
        NotFound: if no such alert is open.
    """
    alert = state.alerts.get(key)
    if alert is None or not alert.is_open:
        raise NotFound(
            f"no alert {key!r} is open",
            code="unknown_alert",
            hint="od bundle status lists the open ones by key",
            details={"open": [one.key for one in state.open]},
        )
    known = replace(alert, acknowledged_by=by, acknowledged_at=format_instant(now))
    return _with(state, known)


def microseconds(span: timedelta) -> int:
    """A span of time as a whole number."""
    return span // timedelta(microseconds=1)


def _with(state: AlertState, alert: Alert) -> AlertState:
    return replace(state, alerts={**state.alerts, alert.key: alert})


def _take_in(state: AlertState, seen: Observation, policy: Policy, now: datetime) -> AlertState:
    alerts = dict(state.alerts)
    for finding in seen.findings:
        known = alerts.get(finding.key)
        if known is None or not known.is_open:
            alerts[finding.key] = _opened(known, finding, state, policy, now)
            continue
        known = replace(known, **_words(finding), seen_at=format_instant(now))
        if known.cleared is not None:
            relapses = _recent(known.relapses, state, policy)
            known = replace(known, cleared=None, relapses=(*relapses, state.elapsed))
        alerts[finding.key] = known
    return replace(state, alerts=alerts)


def _opened(
    before: Alert | None, finding: Finding, state: AlertState, policy: Policy, now: datetime
) -> Alert:
    relapses: tuple[int, ...] = ()
    if before is not None:
        relapses = (*_recent(before.relapses, state, policy), state.elapsed)
    return Alert(
        key=finding.key,
        **_words(finding),
        opened_at=format_instant(now),
        seen_at=format_instant(now),
        opened=state.elapsed,
        relapses=relapses,
    )


def _words(finding: Finding) -> dict[str, Any]:
    return {
        "severity": str(finding.severity),
        "summary": finding.summary,
        "cause": finding.cause,
        "repair": finding.repair,
        "details": dict(finding.details),
    }


def _recent(relapses: Iterable[int], state: AlertState, policy: Policy) -> tuple[int, ...]:
    since = state.elapsed - microseconds(policy.flap_window)
    return tuple(at for at in relapses if at > since)[-_DOUBLINGS_MAX:]


def _miss(state: AlertState, seen: Observation) -> AlertState:
    """Note since when open alerts are gone that were looked for and not found."""
    found = {finding.key for finding in seen.findings}
    gone = {
        alert.key: replace(alert, cleared=state.elapsed)
        for alert in state.open
        if alert.cleared is None and alert.key not in found and seen.covers_key(alert.key)
    }
    return replace(state, alerts={**state.alerts, **gone}) if gone else state


def _settle(state: AlertState, alert: Alert, policy: Policy, now: datetime) -> AlertState:
    """Close what was gone for long enough, and forget what was closed long ago."""
    if alert.closed is not None:
        if state.elapsed - alert.closed <= microseconds(policy.flap_window):
            return state
        return replace(state, alerts={k: v for k, v in state.alerts.items() if k != alert.key})
    if alert.cleared is None or state.elapsed - alert.cleared < _hold(state, alert, policy):
        return state
    for target in alert.told:
        state = queue(state, alert, target, "recovered", now)
    return _with(state, replace(alert, closed=state.elapsed))


def _hold(state: AlertState, alert: Alert, policy: Policy) -> int:
    relapses = len(_recent(alert.relapses, state, policy))
    return int(microseconds(policy.recover_after) * 2 ** min(relapses, _DOUBLINGS_MAX))


def _tell(
    state: AlertState, alert: Alert, seen: Observation, policy: Policy, now: datetime
) -> AlertState:
    if not alert.is_open or alert.cleared is not None:
        return state
    alert, kinds = _worse(alert)
    if alert.acknowledged_at is None:
        alert, due = _due_steps(state, alert, seen, policy)
        kinds = {**{target: _first_or(alert, target, "escalated") for target in due}, **kinds}
        if not kinds and _reminds(state, alert, policy):
            kinds = dict.fromkeys(alert.told, "reminder")
    for target, kind in kinds.items():
        state = queue(state, alert, target, kind, now)
    if kinds:
        told = tuple(dict.fromkeys((*alert.told, *kinds)))
        alert = replace(alert, told=told, last_told=state.elapsed, told_severity=alert.severity)
    return _with(state, alert)


def _worse(alert: Alert) -> tuple[Alert, dict[str, str]]:
    """Who knows of something milder than it has become hears of it again, acknowledged or not."""
    if not alert.told or Severity(alert.severity).rank <= Severity(alert.told_severity).rank:
        return alert, {}
    alert = replace(alert, acknowledged_by=None, acknowledged_at=None)
    return alert, dict.fromkeys(alert.told, "worse")


def _due_steps(
    state: AlertState, alert: Alert, seen: Observation, policy: Policy
) -> tuple[Alert, list[str]]:
    """The targets of the steps that are due now; each once, however many steps name it."""
    age = state.elapsed - alert.opened
    due = [
        step
        for step in policy.steps
        if step.id not in alert.steps
        and step.concerns(Severity(alert.severity))
        and age >= microseconds(step.after)
    ]
    extra = next((one.notify for one in seen.findings if one.key == alert.key), ())
    targets = [target for step in due for target in step.notify]
    targets += [target for target in extra if target not in alert.told]
    return replace(alert, steps=(*alert.steps, *(step.id for step in due))), list(
        dict.fromkeys(targets)
    )


def _first_or(alert: Alert, target: str, kind: str) -> str:
    return kind if target in alert.told else "raised"


def _reminds(state: AlertState, alert: Alert, policy: Policy) -> bool:
    if alert.last_told is None or not policy.remind_after:
        return False
    return state.elapsed - alert.last_told >= microseconds(policy.remind_after)
