"""`monitoring/data_integrity.yaml`: as the document writes it, and mistakes with their places."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dataplatform.alerts.finding import Severity
from dataplatform.alerts.policy import Step
from dataplatform.bundles.watch.monitoring import (
    Monitoring,
    parse_monitoring,
    read_monitoring,
)
from dataplatform.errors import InvalidDefinition
from dataplatform_tests.bundles.watch.site import MONITORING, OPS, PHONE
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo

PATH = "monitoring/data_integrity.yaml"


@pytest.mark.requirement(
    "S0-66",
    "S0-67",
    "S0-68",
    "S0-69",
    "S0-70",
    "S0-71",
    "S0-72",
    "S0-73",
    "S0-74",
    "S0-75",
    "S0-76",
    "S0-77",
)
def test_the_document_s_own_file_is_read_and_says_what_the_defaults_say() -> None:
    read = parse_monitoring(MONITORING, PATH)
    assert read.monitoring == Monitoring().monitoring
    assert read.completeness.check_interval == timedelta(hours=1)
    assert read.completeness.alert_threshold == 0.99
    assert read.sync.max_sync_delay == timedelta(minutes=30)
    assert read.alerts.channels == (OPS, PHONE)
    assert read.alerts.escalation_policy == "data-team-escalation"


@pytest.mark.requirement("S0-77")
def test_a_policy_that_is_only_named_tells_the_channels_in_their_order() -> None:
    steps = parse_monitoring(MONITORING, PATH).policy().steps
    assert [(one.after, one.notify) for one in steps if one.concerns(Severity.WARNING)] == [
        (timedelta(), (OPS,)),
        (timedelta(minutes=30), (PHONE,)),
    ]
    assert [one.notify for one in steps if one.concerns(Severity.CRITICAL)] == [(OPS, PHONE)]


@pytest.mark.requirement("S0-77")
def test_a_policy_that_is_defined_holds() -> None:
    text = MONITORING + (
        "escalation_policies:\n"
        "  data-team-escalation:\n"
        f'    - {{after: 0m, notify: ["{OPS}"]}}\n'
        f'    - {{after: 1h, notify: ["{PHONE}", "email"], severities: [critical]}}\n'
    )
    policy = parse_monitoring(text, PATH).policy()
    assert policy.name == "data-team-escalation"
    assert policy.steps == (
        Step(timedelta(), (OPS,)),
        Step(timedelta(hours=1), (PHONE, "email"), (Severity.CRITICAL,)),
    )


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("monitoring: {bundle_completness: {}}", ":1:14: unknown key `bundle_completness`"),
        (
            "monitoring:\n  bundle_completeness:\n    alert_threshold: 99\n",
            ":3:22: 99 is not at most 1",
        ),
        ("monitoring:\n  sync_status:\n    max_sync_delay: soon\n", ":3:21: 'soon' is no duration"),
        ("alerts: {channels: slack}", ":1:20: a list is expected here, not one text"),
        ("- a\n", ":1:1: the file has to be a mapping"),
        (
            'alerts: {escalation_policy: "a"}\n'
            "escalation_policies: {b: [{after: 0m, notify: [x]}]}\n",
            ":1:29: no policy 'a' is defined",
        ),
        (
            "escalation_policies:\n  b:\n    - {after: 1h, notify: [x]}\n"
            "    - {after: 5m, notify: [y]}\n",
            ":4:15: this step comes before the one above it",
        ),
        ("escalation_policies: {b: []}\n", ":1:26: this policy has no steps"),
        (
            "monitoring:\n  bundle_completeness:\n    channels:\n      images: {threshold: 1}\n",
            ":4:16: unknown key `threshold`",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line_and_column(text: str, finding: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        parse_monitoring(text, PATH)
    assert f"{PATH}{finding}" in str(raised.value)


def test_the_pace_of_looks_follows_the_shortest_span() -> None:
    assert parse_monitoring(MONITORING, PATH).pace == timedelta(minutes=10)
    text = "escalation_policies: {p: [{notify: [a]}, {after: 2m, notify: [b]}]}\n"
    assert parse_monitoring(text + "alerts: {escalation_policy: p}", PATH).pace == timedelta(
        minutes=2
    )


def test_a_repository_without_the_file_has_the_defaults() -> None:
    repo = FakeSpecRepo()
    commit = repo.commit({"README.md": "specs"})
    assert read_monitoring(repo, commit) == Monitoring()
    later = repo.commit({PATH: MONITORING})
    assert read_monitoring(repo, later).alerts.channels == (OPS, PHONE)
