"""Alerts: who hears of what, when again, when it is over; with a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataplatform.alerts.deliver import (
    ALERTS_KEY,
    acknowledge,
    deliver,
    read_alerts,
    update_alerts,
)
from dataplatform.alerts.finding import Finding, Observation, Severity
from dataplatform.alerts.machine import LONGEST_GAP
from dataplatform.alerts.policy import Policy, Step, steps_in_order
from dataplatform_tests.fakes.notifier import FakeNotifier
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import NotFound

START = datetime(2026, 1, 31, 6, tzinfo=UTC)
OPS, PHONE = "slack://data-ops", "pagerduty://data-critical"
POLICY = Policy(
    steps=(
        Step(timedelta(), (OPS,)),
        Step(timedelta(minutes=30), (PHONE,)),
    ),
    remind_after=timedelta(hours=4),
    recover_after=timedelta(minutes=10),
)


def missing(
    severity: Severity = Severity.WARNING, summary: str = "12 files are missing"
) -> Finding:
    return Finding(
        key="completeness/weekly/model-v1.0.0/images",
        severity=severity,
        summary=summary,
        cause="their bytes are gone from s3://lake/images/",
        repair="od bundle repair model@v1.0.0 --apply",
    )


class Watching:
    """A person's view: time passes, something is found or not, messages arrive."""

    def __init__(self, policy: Policy = POLICY, notifier: FakeNotifier | None = None) -> None:
        self.store = MemoryStore()
        self.policy = policy
        self.notifier = notifier or FakeNotifier()
        self.now = START

    def look(self, *findings: Finding, after: timedelta = timedelta(), covers: str = "") -> None:
        self.now += after
        seen = Observation(findings, (covers or "completeness/",))
        update_alerts(self.store, seen, self.policy, self.now)
        deliver(self.store, self.notifier, self.now)


@pytest.mark.requirement("S0-76", "S0-87")
def test_a_finding_is_told_once_with_its_cause_and_the_command_that_repairs() -> None:
    watch = Watching()
    for _ in range(3):
        watch.look(missing(), after=timedelta(minutes=5))
    (message,) = watch.notifier.received
    assert (message.target, message.kind) == (OPS, "raised")
    assert message.title == "[WARNING] 12 files are missing"
    assert "cause: their bytes are gone from s3://lake/images/" in message.body
    assert "repair: od bundle repair model@v1.0.0 --apply" in message.body


@pytest.mark.requirement("S0-77")
def test_what_nobody_acknowledges_goes_to_the_next_step() -> None:
    watch = Watching()
    watch.look(missing())
    watch.look(missing(), after=timedelta(minutes=29))
    assert watch.notifier.heard(PHONE) == []
    watch.look(missing(), after=timedelta(minutes=1))
    assert watch.notifier.heard(PHONE) == ["raised"]
    assert watch.notifier.heard(OPS) == ["raised"]


@pytest.mark.requirement("S0-77")
def test_an_acknowledged_alert_goes_no_further_and_is_still_called_over() -> None:
    watch = Watching()
    watch.look(missing())
    acknowledge(watch.store, missing().key, by="ada", now=watch.now)
    watch.look(missing(), after=timedelta(hours=5))
    assert watch.notifier.heard(PHONE) == []
    watch.look(after=timedelta(minutes=1))
    watch.look(after=timedelta(minutes=10))
    assert watch.notifier.heard(OPS) == ["raised", "recovered"]
    assert read_alerts(watch.store).open == []


def test_acknowledging_what_is_not_open_says_what_is() -> None:
    watch = Watching()
    watch.look(missing())
    with pytest.raises(NotFound) as raised:
        acknowledge(watch.store, "completeness/other", by="ada", now=watch.now)
    assert raised.value.details["open"] == [missing().key]


def test_what_gets_worse_is_told_again_although_it_was_acknowledged() -> None:
    watch = Watching()
    watch.look(missing())
    acknowledge(watch.store, missing().key, by="ada", now=watch.now)
    watch.look(missing(Severity.CRITICAL), after=timedelta(minutes=5))
    assert watch.notifier.heard(OPS) == ["raised", "worse"]
    assert read_alerts(watch.store).open[0].acknowledged_by is None


def test_an_open_alert_is_remembered_now_and_then() -> None:
    watch = Watching(Policy(steps=(Step(timedelta(), (OPS,)),), remind_after=timedelta(hours=4)))
    for _ in range(17):
        watch.look(missing(), after=timedelta(minutes=30))
    assert watch.notifier.heard(OPS) == ["raised", "reminder", "reminder"]


@pytest.mark.requirement("S0-87")
def test_recovery_is_told_once_to_everyone_who_was_told() -> None:
    watch = Watching()
    watch.look(missing())
    watch.look(missing(), after=timedelta(minutes=30))
    for _ in range(5):
        watch.look(after=timedelta(minutes=5))
    assert watch.notifier.heard(OPS) == ["raised", "recovered"]
    assert watch.notifier.heard(PHONE) == ["raised", "recovered"]


def relapse(watch: Watching, severity: Severity = Severity.WARNING) -> None:
    """It is over, and it comes back, while nobody can be told."""
    watch.notifier.down = {OPS}
    watch.look(after=timedelta(minutes=1))
    watch.look(after=timedelta(minutes=10))
    assert read_alerts(watch.store).open == []
    watch.look(missing(severity))
    watch.notifier.down = set()
    watch.look(missing(severity), after=timedelta(hours=1))


@pytest.mark.parametrize(
    ("severity", "kind"), [(Severity.WARNING, "reminder"), (Severity.CRITICAL, "worse")]
)
def test_who_never_heard_that_it_was_over_is_not_told_of_it_as_if_it_were_new(
    severity: Severity, kind: str
) -> None:
    watch = Watching(Policy(steps=(Step(timedelta(), (OPS,)),)))
    watch.look(missing())
    relapse(watch, severity)
    assert watch.notifier.heard(OPS) == ["raised", kind]
    assert "came back" in watch.notifier.received[-1].body


def test_who_never_heard_of_it_at_all_is_told_that_it_was_raised() -> None:
    watch = Watching(Policy(steps=(Step(timedelta(), (OPS,)),)))
    watch.notifier.down = {OPS}
    watch.look(missing())
    relapse(watch)
    assert watch.notifier.heard(OPS) == ["raised"]


def test_what_was_not_looked_for_has_not_recovered() -> None:
    watch = Watching()
    watch.look(missing())
    watch.look(after=timedelta(hours=2), covers="sync/")
    assert [one.cleared for one in read_alerts(watch.store).open] == [None]


def test_who_was_never_told_hears_of_no_recovery() -> None:
    watch = Watching(Policy(steps=(Step(timedelta(minutes=30), (PHONE,)),)))
    watch.look(missing())
    for _ in range(8):
        watch.look(after=timedelta(minutes=5))
    assert watch.notifier.received == []


def test_a_flapping_finding_is_told_a_few_times_and_then_stays_open() -> None:
    watch = Watching()
    for at in range(200):
        found = (missing(),) if at % 4 < 2 else ()
        watch.look(*found, after=timedelta(minutes=8))
    kinds = watch.notifier.heard(OPS)
    assert kinds.count("raised") <= 4
    assert read_alerts(watch.store).open != []


def test_a_service_that_is_down_gets_the_message_when_it_is_back() -> None:
    watch = Watching()
    watch.notifier.down = {OPS}
    watch.look(missing())
    (waiting,) = read_alerts(watch.store).outbox
    assert waiting.attempts == 1
    assert "does not answer" in str(waiting.last_error)
    watch.notifier.down = set()
    watch.look(missing(), after=timedelta(seconds=59))
    assert watch.notifier.received == []
    watch.look(missing(), after=timedelta(seconds=1))
    assert watch.notifier.heard(OPS) == ["raised"]


def test_a_service_that_was_down_all_along_hears_once_that_it_is_over() -> None:
    watch = Watching()
    watch.notifier.down = {OPS}
    watch.look(missing())
    watch.look(after=timedelta(minutes=1))
    watch.notifier.down = set()
    watch.look(after=timedelta(hours=1))
    (message,) = watch.notifier.received
    assert message.kind == "recovered"
    assert "was: their bytes are gone" in message.body


def test_a_target_that_stands_for_nothing_waits_until_it_does() -> None:
    watch = Watching(notifier=FakeNotifier(known={PHONE}))
    watch.look(missing())
    watch.look(missing(), after=timedelta(minutes=30))
    assert watch.notifier.heard(PHONE) == ["raised"]
    assert [one.target for one in read_alerts(watch.store).outbox] == [OPS]
    watch.notifier.known = None
    watch.look(missing(), after=timedelta(hours=2))
    assert "raised" in watch.notifier.heard(OPS)
    assert read_alerts(watch.store).outbox == ()


def test_a_kill_between_sending_and_recording_repeats_that_message_alone() -> None:
    policy = Policy(steps=steps_in_order([OPS, PHONE]))
    watch = Watching(policy)
    watch.notifier.dies = SimulatedCrash()
    with pytest.raises(SimulatedCrash):
        watch.look(missing(Severity.CRITICAL))
    watch.look(missing(Severity.CRITICAL), after=timedelta(seconds=30))
    assert watch.notifier.heard(OPS) == ["raised"]  # still claimed by the dead sender
    watch.look(missing(Severity.CRITICAL), after=timedelta(minutes=2))
    assert watch.notifier.heard(OPS) == ["raised", "raised"]
    assert watch.notifier.heard(PHONE) == ["raised"]
    assert len({one.id for one in watch.notifier.received if one.target == OPS}) == 1


@pytest.mark.parametrize("write", range(5))
def test_a_kill_at_any_write_loses_no_message(write: int) -> None:
    watch = Watching(Policy(steps=steps_in_order([OPS, PHONE])))
    real = watch.store
    watch.store = CrashingStore(real, write)  # type: ignore[assignment]
    with pytest.raises(SimulatedCrash):
        watch.look(missing(Severity.CRITICAL))
    watch.store = real
    watch.look(missing(Severity.CRITICAL), after=timedelta(minutes=5))
    for target in (OPS, PHONE):
        assert watch.notifier.heard(target) in (["raised"], ["raised", "raised"])


def test_two_who_look_at_once_send_a_message_once() -> None:
    watch = Watching()
    seen = Observation([missing()], ("completeness/",))
    update_alerts(watch.store, seen, POLICY, watch.now)

    class Other(FakeNotifier):
        def send(self, message: object) -> None:
            if not self.received:
                self.received.append(message)  # type: ignore[arg-type]
                update_alerts(watch.store, seen, POLICY, watch.now)
                deliver(watch.store, watch.notifier, watch.now)

    other = Other()
    deliver(watch.store, other, watch.now)
    assert (len(other.received), len(watch.notifier.received)) == (1, 0)


@pytest.mark.requirement("S0-77")
def test_a_clock_that_jumps_ahead_escalates_by_the_longest_gap_at_most() -> None:
    far = Policy(steps=(Step(timedelta(), (OPS,)), Step(2 * LONGEST_GAP, (PHONE,))))
    watch = Watching(far)
    watch.look(missing())
    watch.look(missing(), after=timedelta(days=3_650))
    assert watch.notifier.heard(PHONE) == []
    watch.look(missing(), after=LONGEST_GAP)
    assert watch.notifier.heard(PHONE) == ["raised"]


@pytest.mark.requirement("S0-77")
def test_a_clock_that_is_set_back_stops_no_escalation() -> None:
    watch = Watching()
    watch.look(missing())
    watch.look(missing(), after=timedelta(days=-30))
    assert watch.notifier.heard(PHONE) == []
    watch.look(missing(), after=timedelta(minutes=30))
    assert watch.notifier.heard(PHONE) == ["raised"]
    assert watch.notifier.heard(OPS) == ["raised"]


def test_a_look_that_is_a_little_late_does_not_make_time_pass_twice() -> None:
    watch = Watching()
    watch.look(missing())
    for _ in range(20):
        watch.look(missing(), after=timedelta(minutes=2))
        watch.look(missing(), after=timedelta(minutes=-1))
    assert read_alerts(watch.store).elapsed == timedelta(minutes=21) / timedelta(microseconds=1)


def test_a_damaged_state_is_begun_anew_and_everything_is_told_again() -> None:
    watch = Watching()
    watch.look(missing())
    watch.store.put(ALERTS_KEY, b'{"alerts": 1}')
    watch.look(missing(), after=timedelta(minutes=5))
    assert watch.notifier.heard(OPS) == ["raised", "raised"]


@pytest.mark.requirement("S0-77")
def test_targets_without_a_policy_are_told_in_order_and_at_once_when_it_is_critical() -> None:
    steps = steps_in_order([OPS, PHONE])
    mild, bad = Watching(Policy(steps=steps)), Watching(Policy(steps=steps))
    mild.look(missing())
    bad.look(missing(Severity.CRITICAL))
    assert [one.target for one in mild.notifier.received] == [OPS]
    assert [one.target for one in bad.notifier.received] == [OPS, PHONE]


@pytest.mark.requirement("S0-58")
def test_a_finding_may_name_who_is_told_beside_the_policy() -> None:
    watch = Watching()
    finding = Finding("completeness/x", Severity.WARNING, "s", "c", "r", notify=("email",))
    watch.look(finding)
    watch.look(finding, after=timedelta(minutes=5))
    assert watch.notifier.heard("email") == ["raised"]
    assert watch.notifier.heard(OPS) == ["raised"]


def test_an_edited_policy_tells_nobody_twice_and_everyone_who_was_added() -> None:
    watch = Watching()
    watch.look(missing())
    watch.policy = Policy(steps=(Step(timedelta(), ("mail",)), *POLICY.steps))
    watch.look(missing(), after=timedelta(minutes=1))
    assert watch.notifier.heard(OPS) == ["raised"]
    assert watch.notifier.heard("mail") == ["raised"]
