"""What is watched, how closely, and who is told: `monitoring/data_integrity.yaml` (S0-66…S0-77).

Here belong the file's fields, its defaults, which are the document's values, and reading it with
places. What a measure gives is compared with them elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, ValidationError

from dataplatform.alerts.finding import Severity
from dataplatform.alerts.policy import Policy, Step, steps_in_order
from dataplatform.channels.spec import ChannelName, Spec
from dataplatform.contracts.duration import Duration
from dataplatform.datasets.complaint import ambiguous_words, complaint
from dataplatform.datasets.yaml import Path, YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, SourceFinding
from dataplatform.ports import SpecRepo
from opendata.wire.errors import NotFound

MONITORING_PATH: Final = "monitoring/data_integrity.yaml"
Share = Annotated[float, Field(gt=0, le=1)]
Target = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s=#][^\s=]*$")]
_BOOLEANS: Final = frozenset(
    {
        "alert_on_missing_files",
        "check_dataspec_updates",
        "alert_on_sync_failure",
        "check_storage_accessibility",
        "verify_checksums",
        "alert_on_corruption",
    }
)


class ChannelLimits(Spec):
    """What holds for one channel instead of the general values; None leaves them."""

    alert_on_missing_files: bool | None = None
    alert_threshold: Share | None = None


class BundleCompleteness(Spec):
    """How often completeness is measured (S0-67), and when that is an alert (S0-68, S0-69)."""

    check_interval: Duration = timedelta(hours=1)
    alert_on_missing_files: bool = True
    alert_threshold: Share = 0.99
    channels: dict[ChannelName, ChannelLimits] = {}

    def threshold_of(self, channel: str) -> float:
        """The share of a channel's files that has to be there and intact."""
        own = self.channels.get(channel)
        return (
            self.alert_threshold if own is None else (own.alert_threshold or self.alert_threshold)
        )

    def alerts_on_missing(self, channel: str) -> bool:
        """Whether a single missing file of a channel is an alert."""
        own = self.channels.get(channel)
        if own is None or own.alert_on_missing_files is None:
            return self.alert_on_missing_files
        return own.alert_on_missing_files


class SyncSettings(Spec):
    """How far indexes may be behind the spec repository (S0-70…S0-72)."""

    check_dataspec_updates: bool = True
    max_sync_delay: Duration = timedelta(minutes=30)
    alert_on_sync_failure: bool = True


class StorageSettings(Spec):
    """What is looked at where the files lie (S0-73…S0-75).

    Every file is hashed again once in `verify_within`; of one look at most `verify_files` files and
    about `verify_bytes` bytes, so that a look stays short. Where these are too few the round takes
    longer, and the status says how long.
    """

    check_storage_accessibility: bool = True
    verify_checksums: bool = True
    alert_on_corruption: bool = True
    verify_within: Duration = timedelta(days=30)
    verify_files: int = Field(default=100_000, ge=1)
    verify_bytes: int = Field(default=50_000_000_000, ge=1)


class Watched(Spec):
    """The three parts of watching."""

    bundle_completeness: BundleCompleteness = BundleCompleteness()
    sync_status: SyncSettings = SyncSettings()
    storage_health: StorageSettings = StorageSettings()


class PolicyStep(Spec):
    """Who is told once an alert is `after` old; of `severities` only, where there are some."""

    after: Duration = timedelta()
    notify: tuple[Target, ...] = Field(min_length=1)
    severities: tuple[Severity, ...] = ()


class AlertSettings(Spec):
    """Who is told (S0-76) and by which policy (S0-77), and the pace of the rest."""

    channels: tuple[Target, ...] = ()
    escalation_policy: str | None = None
    remind_after: Duration = timedelta(hours=24)
    recover_after: Duration = timedelta(minutes=10)


class Monitoring(Spec):
    """The whole file."""

    monitoring: Watched = Watched()
    alerts: AlertSettings = AlertSettings()
    escalation_policies: dict[str, tuple[PolicyStep, ...]] = {}

    @property
    def completeness(self) -> BundleCompleteness:
        """How complete bundles have to be."""
        return self.monitoring.bundle_completeness

    @property
    def sync(self) -> SyncSettings:
        """How far indexes may be behind."""
        return self.monitoring.sync_status

    @property
    def storage(self) -> StorageSettings:
        """What is looked at where files lie."""
        return self.monitoring.storage_health

    @property
    def pace(self) -> timedelta:
        """How often to look, so that nothing is told much later than it is due: a third of what a
        commit may wait, and no longer than any span that is set; a minute at least."""
        policy = self.policy()
        spans = [self.completeness.check_interval, policy.recover_after]
        if self.sync.check_dataspec_updates:
            spans.append(self.sync.max_sync_delay / 3)
        spans += [step.after for step in policy.steps]
        return max(min(one for one in spans if one), timedelta(minutes=1))

    def policy(self) -> Policy:
        """The policy of escalation; where none of that name is defined, the alert channels in the
        order in which they are written."""
        named = self.escalation_policies.get(self.alerts.escalation_policy or "", ())
        steps = tuple(Step(one.after, one.notify, one.severities) for one in named)
        return Policy(
            steps=steps or steps_in_order(self.alerts.channels),
            remind_after=self.alerts.remind_after,
            recover_after=self.alerts.recover_after,
            name=self.alerts.escalation_policy or "",
        )


def parse_monitoring(text: str | bytes, path: str = MONITORING_PATH) -> Monitoring:
    """What a file's text says.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    document = read_yaml(text, path)
    findings = list(ambiguous_words(document, _BOOLEANS))
    monitoring = None
    if not isinstance(document.value, dict):
        findings.append(document.finding((), "the file has to be a mapping (key: value)"))
    else:
        try:
            monitoring = Monitoring.model_validate(document.value)
        except ValidationError as error:
            told = {(one.line, one.column) for one in findings}
            found = [complaint(one, document, _keys_at) for one in error.errors()]
            findings += [one for one in found if (one.line, one.column) not in told]
    if monitoring is not None:
        findings += _contradictions(monitoring, document)
    if monitoring is None or findings:
        raise InvalidDefinition(sorted(findings, key=lambda one: (one.line, one.column)))
    return monitoring


def read_monitoring(repo: SpecRepo, commit: str) -> Monitoring:
    """What the spec repository says at a commit; the document's values where it says nothing.

    Raises:
        InvalidDefinition: with every finding at its line and column.
        Denied, Unavailable: as the repository answers.
    """
    try:
        return parse_monitoring(repo.read(MONITORING_PATH, commit), MONITORING_PATH)
    except NotFound:
        return Monitoring()


def _contradictions(monitoring: Monitoring, document: YamlDocument) -> Iterator[SourceFinding]:
    name, policies = monitoring.alerts.escalation_policy, monitoring.escalation_policies
    if policies and name is not None and name not in policies:
        yield document.finding(
            ("alerts", "escalation_policy"),
            f"no policy {name!r} is defined under escalation_policies",
            hint=f"defined are {', '.join(policies)}",
        )
    for policy, steps in policies.items():
        if not steps:
            yield document.finding(("escalation_policies", policy), "this policy has no steps")
        delays = [step.after for step in steps]
        for at in range(1, len(delays)):
            if delays[at] < delays[at - 1]:
                yield document.finding(
                    ("escalation_policies", policy, at, "after"),
                    "this step comes before the one above it",
                    hint="write the steps in order of time",
                )


_SECTIONS: Final[Mapping[Path, type[Spec]]] = {
    (): Monitoring,
    ("monitoring",): Watched,
    ("monitoring", "bundle_completeness"): BundleCompleteness,
    ("monitoring", "sync_status"): SyncSettings,
    ("monitoring", "storage_health"): StorageSettings,
    ("alerts",): AlertSettings,
}


def _keys_at(where: Path) -> Sequence[str]:
    """The keys that a mapping may have, by pydantic's location of it."""
    if where in _SECTIONS:
        return tuple(_SECTIONS[where].model_fields)
    match where:
        case ("monitoring", "bundle_completeness", "channels", str()):
            return tuple(ChannelLimits.model_fields)
        case ("escalation_policies", str(), int()):
            return tuple(PolicyStep.model_fields)
    return ()
