"""Alerts as they arrive: Slack's, PagerDuty's and e-mail's own plugins, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apprise.plugins import pagerduty
from apprise.plugins.slack import NotifySlack

from dataplatform.adapters.notifiers.apprise import AppriseNotifier
from dataplatform.alerts.deliver import deliver, read_alerts, update_alerts
from dataplatform.alerts.finding import Finding, Observation, Severity
from dataplatform.alerts.policy import Policy, Step
from dataplatform.bundle_wiring import open_notifier
from dataplatform.settings import read_settings
from dataplatform_tests.servers.alert_sinks import MailSink, WebSink, mail_sink, web_sink
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import NotFound, Unavailable

pytestmark = pytest.mark.real
TOKEN = "TIiajkdnlazkcOXrIdevi7Ag"
SLACK = f"slack://T1JJ3T3L2/A1BRTD4JD/{TOKEN}/#data-ops"
PAGERDUTY = "pagerduty://an-api-key@a-routing-key"
NOW = datetime(2026, 1, 31, 6, tzinfo=UTC)
FINDING = Finding(
    key="storage/corruption/images",
    severity=Severity.CRITICAL,
    summary="3 files of images are damaged",
    cause="their bytes are not the ones that were indexed",
    repair="od bundle repair model@v1.0.0 --apply",
)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSink]:
    """The services' own plugins, pointed at this machine."""
    with web_sink() as sink:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{sink.url}/slack")
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{sink.url}/pagerduty")
        monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
        monkeypatch.setattr(pagerduty.NotifyPagerDuty, "request_rate_per_sec", 0)
        yield sink


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


class Desk:
    def __init__(self, **addresses: str) -> None:
        self.notifier = AppriseNotifier(addresses)
        self.store, self.now = MemoryStore(), NOW
        self.policy = Policy(steps=(Step(timedelta(), tuple(addresses)),))

    def look(self, *findings: Finding, after: timedelta = timedelta()) -> None:
        self.now += after
        seen = Observation(findings, ("storage/",))
        update_alerts(self.store, seen, self.policy, self.now)
        deliver(self.store, self.notifier, lambda: self.now)


@pytest.mark.requirement("S0-76", "S0-87")
def test_slack_and_pagerduty_are_told_and_pagerduty_resolves_its_incident(web: WebSink) -> None:
    desk = Desk(ops=SLACK, critical=PAGERDUTY)
    desk.look(FINDING)
    desk.look(after=timedelta(minutes=1))
    desk.look(after=timedelta(minutes=15))
    slack = [body for path, body in web.posted if path.startswith("/slack")]
    paged = [body for path, body in web.posted if path == "/pagerduty"]
    assert len(slack) == 2
    (first,) = slack[0]["attachments"]
    assert first["title"] == "[CRITICAL] 3 files of images are damaged"
    assert "repair: od bundle repair model@v1.0.0 --apply" in first["text"]
    assert "cause: their bytes are not the ones that were indexed" in first["text"]
    assert [body["event_action"] for body in paged] == ["trigger", "resolve"]
    assert paged[0]["payload"]["severity"] == "critical"
    assert "3 files of images are damaged" in paged[0]["payload"]["summary"]
    assert paged[0]["dedup_key"] == paged[1]["dedup_key"]


@pytest.mark.requirement("S0-58", "S0-76")
def test_mail_arrives_with_cause_and_repair(mail: MailSink) -> None:
    to = f"mailto://127.0.0.1:{mail.port}?from=watch@lake.example&to=team@lake.example"
    Desk(email=to).look(FINDING)
    (letter,) = mail.mail
    assert letter["Subject"] == "[CRITICAL] 3 files of images are damaged"
    assert "team@lake.example" in letter["To"]
    body = letter.get_body(("plain", "html"))
    assert body is not None
    assert "od bundle repair model@v1.0.0 --apply" in body.get_content()


def test_a_service_that_answers_with_an_error_is_tried_again(web: WebSink) -> None:
    desk = Desk(ops=SLACK)
    web.answers = [503, 429]
    desk.look(FINDING)
    desk.look(FINDING, after=timedelta(minutes=1))
    assert "429" in str(read_alerts(desk.store).outbox[0].last_error)
    assert web.posted == []
    desk.look(FINDING, after=timedelta(minutes=2))
    assert len(web.posted) == 1
    assert read_alerts(desk.store).outbox == ()


def test_no_secret_gets_into_state_errors_or_logs(
    web: WebSink, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    desk = Desk(ops=SLACK, critical=PAGERDUTY, broken=f"slack://{TOKEN}", odd=f"nosuch://{TOKEN}")
    web.answers = [500, 500]
    desk.look(FINDING)
    errors = [str(one.last_error) for one in read_alerts(desk.store).outbox]
    assert len(errors) == 4
    told = "".join([*errors, *capfd.readouterr(), caplog.text, repr(desk.notifier)])
    stored = desk.store.get("watch/alerts.json").data.decode()
    for secret in (TOKEN, "T1JJ3T3L2", "A1BRTD4JD", "a-routing-key", "an-api-key"):
        assert secret not in told + stored


def test_a_service_that_cannot_be_reached_is_unavailable(web: WebSink, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(NotifySlack, "webhook_url", "http://127.0.0.1:1/slack")
    desk = Desk(ops=SLACK)
    update_alerts(desk.store, Observation([FINDING], ("storage/",)), desk.policy, NOW)
    (message,) = read_alerts(desk.store).outbox
    with pytest.raises(Unavailable, match="onnection"):
        desk.notifier.send(message)


def test_a_name_without_an_address_is_a_problem_that_says_what_to_write(web: WebSink) -> None:
    desk = Desk(ops=SLACK)
    assert dict(desk.notifier.problems(["ops", "phone"])) == {
        "phone": "OPENDATA_ALERTS has no address for it"
    }
    desk.policy = Policy(steps=(Step(timedelta(), ("phone",)),))
    update_alerts(desk.store, Observation([FINDING], ("storage/",)), desk.policy, NOW)
    (message,) = read_alerts(desk.store).outbox
    with pytest.raises(NotFound) as raised:
        desk.notifier.send(message)
    assert raised.value.code == "unresolved_target"
    assert "`phone = ADDRESS`" in str(raised.value.hint)


def test_a_file_of_addresses_that_cannot_be_used_is_the_problem_of_each_target(
    tmp_path: Path,
) -> None:
    addresses = tmp_path / "alerts"
    addresses.write_text("ops = x\n")
    addresses.chmod(0o644)
    notifier = open_notifier(read_settings({"OPENDATA_ALERTS": f"file:{addresses}"}, tmp_path))
    assert "can be read by others" in notifier.problems(["ops"])["ops"]
