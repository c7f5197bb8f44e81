"""Schedules: defaults by frequency, crons that every scheduler reads alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.datasets.cron import check_cron
from dataplatform.datasets.parse import parse_definition
from dataplatform.datasets.schedule import Schedule, cron_of, expected_interval
from dataplatform_tests.datasets.documents import MINIMAL


def schedule(lines: str) -> Schedule | None:
    return cron_of(parse_definition(MINIMAL + lines, "opendata.yaml"))


@pytest.mark.requirement("S1-43", "B4")
@pytest.mark.parametrize(
    ("lines", "cron"),
    [
        ("frequency: daily", "0 6 * * *"),
        ("frequency: hourly", "0 * * * *"),
        ("frequency: monthly", "0 6 1 * *"),
        ("frequency: weekly", "0 6 * * 1"),
        ("frequency: daily\nschedule: '30 5 * * 1-5'", "30 5 * * 1-5"),
        ("frequency: adhoc\nschedule: '0 7 * * mon'", "0 7 * * MON"),
        ("schedule: {cron: '0   7 * *  *'}", "0 7 * * *"),
    ],
)
def test_the_cron_is_the_own_one_or_follows_the_frequency(lines: str, cron: str) -> None:
    assert schedule(lines) == Schedule(cron=cron, enabled=True)


@pytest.mark.parametrize("lines", ["", "frequency: adhoc", "schedule: {enabled: true}"])
def test_what_is_produced_on_demand_has_no_schedule(lines: str) -> None:
    assert schedule(lines) is None


def test_a_schedule_can_be_switched_off_and_keeps_its_cron() -> None:
    off = schedule("frequency: daily\nschedule: {enabled: false}")
    assert off == Schedule(cron="0 6 * * *", enabled=False)


def test_new_data_is_expected_as_often_as_the_frequency_says() -> None:
    daily = parse_definition(MINIMAL + "frequency: daily", "opendata.yaml")
    assert expected_interval(daily) == timedelta(days=1)
    assert expected_interval(parse_definition(MINIMAL, "opendata.yaml")) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("60 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("5-1 * * * *", "bad minute"),
        ("*/60 * * * *", "steps further than the field reaches"),
        ("0 */24 * * *", "steps further than the field reaches"),
        ("0 6 L * *", "outside of standard cron"),
        ("0 6 * * 1#2", "outside of standard cron"),
        ("0 6 ? * *", "outside of standard cron"),
        ("0 6 15W * *", "outside of standard cron"),
        ("H 6 * * *", "outside of standard cron"),
        ("0 6 * * MONDAY", "outside of standard cron"),
        ("a b c d e", "outside of standard cron"),
    ],
)
def test_what_no_scheduler_or_only_some_understand_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_cron(text)


PARTS = st.one_of(
    st.just("*"),
    st.integers(0, 59).map(str),
    st.tuples(st.integers(0, 59), st.integers(0, 59)).map(lambda p: f"{p[0]}-{p[1]}"),
    st.tuples(st.sampled_from(["*", "0-30", "5"]), st.integers(0, 40)).map(
        lambda p: f"{p[0]}/{p[1]}"
    ),
    st.sampled_from(["MON", "jan", "mon-fri", "1,2,3", "L", ""]),
)


@pytest.mark.platform
@pytest.mark.filterwarnings("ignore:Found a cron schedule")
@given(st.tuples(PARTS, PARTS, PARTS, PARTS, PARTS).map(" ".join))
def test_every_accepted_cron_is_one_to_dagster(text: str) -> None:
    """One cron that Dagster does not understand would take the whole code location down."""
    from dagster import DefaultScheduleStatus, ScheduleDefinition, job, op

    try:
        cron = check_cron(text)
    except ValueError:
        return

    @op
    def nothing() -> None:
        return None

    @job
    def all_of_it() -> None:
        nothing()

    status = DefaultScheduleStatus.RUNNING
    made = ScheduleDefinition(job=all_of_it, cron_schedule=cron, default_status=status)
    assert made.cron_schedule == cron
