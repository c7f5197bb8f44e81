"""Laws of alerting, whatever is found, whoever dies, and however the clock runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dataplatform.alerts.deliver import acknowledge, deliver, read_alerts, update_alerts
from dataplatform.alerts.finding import Finding, Observation, Severity
from dataplatform.alerts.machine import LONGEST_GAP, advance
from dataplatform.alerts.outbox import LONGEST_PAUSE
from dataplatform.alerts.policy import Policy, Step
from dataplatform.alerts.state import AlertState, read_state
from dataplatform_tests.fakes.notifier import FakeNotifier
from dataplatform_tests.fakes.stores import SimulatedCrash
from opendata.stores.memory import MemoryStore

KEYS = ("check/a", "check/b", "check/c")
TARGETS = ("ops", "phone")
POLICY = Policy(
    steps=(Step(timedelta(), ("ops",)), Step(timedelta(minutes=30), ("phone",))),
    remind_after=timedelta(hours=2),
)
GAPS = st.sampled_from(
    [
        timedelta(),
        timedelta(seconds=1),
        timedelta(minutes=1),
        timedelta(minutes=11),
        timedelta(minutes=30),
        timedelta(hours=3),
        timedelta(days=400),
        timedelta(minutes=-5),
        timedelta(days=-400),
    ]
)


def finding(key: str, severity: Severity) -> Finding:
    return Finding(key, severity, f"{key} is wrong", "a cause", "a command")


class Alerting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.notifier = MemoryStore(), FakeNotifier()
        self.now = datetime(2026, 1, 31, 6, tzinfo=UTC)
        self.found: dict[str, Severity] = {}
        self.crashes = 0

    @rule(key=st.sampled_from(KEYS), severity=st.sampled_from(list(Severity)))
    def something_is_wrong(self, key: str, severity: Severity) -> None:
        self.found[key] = severity

    @rule(key=st.sampled_from(KEYS))
    def something_is_right(self, key: str) -> None:
        self.found.pop(key, None)

    @rule(service=st.sampled_from(TARGETS))
    def a_service_goes_down_or_up(self, service: str) -> None:
        self.notifier.down ^= {service}

    @rule(gap=GAPS, dies=st.booleans())
    def somebody_looks(self, gap: timedelta, dies: bool) -> None:
        self.now += gap
        seen = Observation([finding(*one) for one in self.found.items()], ("check/",))
        update_alerts(self.store, seen, POLICY, self.now)
        self.notifier.dies = SimulatedCrash() if dies else None
        try:
            deliver(self.store, self.notifier, lambda: self.now)
        except SimulatedCrash:
            self.crashes += 1

    @rule(key=st.sampled_from(KEYS))
    def somebody_acknowledges(self, key: str) -> None:
        if key in {alert.key for alert in read_alerts(self.store).open}:
            acknowledge(self.store, key, by="ada", now=self.now)

    @invariant()
    def no_message_comes_more_often_than_somebody_died(self) -> None:
        ids = [one.id for one in self.notifier.received]
        assert len(ids) - len(set(ids)) <= self.crashes

    @invariant()
    def a_target_is_told_once_of_each_opening_and_once_of_its_end(self) -> None:
        for target in TARGETS:
            for key in KEYS:
                heard = list(
                    {
                        one.id: one.kind
                        for one in self.notifier.received
                        if (one.target, one.key) == (target, key)
                    }.values()
                )
                for before, after in pairwise(heard):
                    assert (before, after) not in {
                        ("raised", "raised"),
                        ("recovered", "reminder"),
                        ("recovered", "escalated"),
                    }

    @invariant()
    def what_is_open_and_due_was_told_or_is_in_line(self) -> None:
        state = read_alerts(self.store)
        in_line = {(one.key, one.target) for one in state.outbox}
        received = {(one.key, one.target) for one in self.notifier.received}
        for alert in state.open:
            for target in alert.told:
                assert (alert.key, target) in in_line | received

    @invariant()
    def the_state_survives_a_restart(self) -> None:
        state = read_alerts(self.store)
        assert read_state(state.to_bytes(), "state") == state
        assert len({(one.key, one.target) for one in state.outbox}) == len(state.outbox)

    def teardown(self) -> None:
        """In the end everybody who is to know does, as soon as the services are up again."""
        self.notifier.down, self.notifier.dies = set(), None
        for _ in range(3):
            self.now += timedelta(microseconds=LONGEST_PAUSE)
            seen = Observation([finding(*one) for one in self.found.items()], ("check/",))
            update_alerts(self.store, seen, POLICY, self.now)
            deliver(self.store, self.notifier, lambda: self.now)
        assert read_alerts(self.store).outbox == ()


Alerting.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAlerting = Alerting.TestCase


def test_looking_again_at_the_same_time_changes_nothing() -> None:
    now = datetime(2026, 1, 31, 6, tzinfo=UTC)
    seen = Observation([finding("check/a", Severity.CRITICAL)], ("check/",))
    once = advance(AlertState(), seen, POLICY, now)
    assert advance(once, seen, POLICY, now) == once
    later = advance(once, seen, POLICY, now + 2 * LONGEST_GAP)
    assert later.elapsed - once.elapsed == LONGEST_GAP / timedelta(microseconds=1)
