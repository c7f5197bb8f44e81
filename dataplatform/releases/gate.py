"""Gate: hold a candidate to its quality thresholds and record the verdict (S4-45, M-6).

Metrics are judged on our own profile, expectations by Great Expectations, and what queries cost by
asking some of the candidate and of the current release. A crash in any, or a missing library, is
not a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from dataplatform.contracts.model import (
    Contract,
    ExpectationSpec,
    Metric,
    MetricThreshold,
    QualityRule,
)
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.quality import check_quality
from dataplatform.contracts.report import Report
from dataplatform.releases.candidate import Candidate, read_candidate
from dataplatform.releases.costs import query_costs
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.verdict import Verdict, read_decision, record_verdict
from opendata.reading.resolve import Release, read_current
from opendata.wire.codec import read_json, replace
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES

_RULES: Final = TypeAdapter(tuple[QualityRule, ...])


@dataclass(frozen=True)
class Gated:
    """The quality gate's report on a candidate, the profile it judged, and the stored verdict."""

    report: Report
    profile: Profile
    verdict: Verdict


def quality_rules(candidate: Candidate) -> tuple[QualityRule, ...]:
    """The thresholds and expectations that the candidate carries."""
    return _RULES.validate_python(candidate.definition.get("quality", ()))


def metric_thresholds(candidate: Candidate) -> tuple[MetricThreshold, ...]:
    """Those of them that are thresholds of metrics."""
    return tuple(rule for rule in quality_rules(candidate) if isinstance(rule, MetricThreshold))


def gate_candidate(ports: ReleasePorts, dataset: DatasetId, digest: str) -> Gated:
    """Judge a staged candidate by the thresholds that it carries.

    Raises:
        NotFound, Corrupt: if the candidate or one of its shards cannot be read.
    """
    candidate = read_candidate(ports.store, dataset, digest)
    files = [ports.shard_path(entry) for entry in candidate.files]
    profile = _profile(ports, dataset, digest, candidate, files)
    current = read_current(ports.store, dataset)
    previous = _previous_profile(ports, current)
    thresholds, rules = metric_thresholds(candidate), quality_rules(candidate)
    before = current.manifest if current else None
    costs = query_costs(ports.probe, candidate, digest, before, thresholds)
    report = check_quality(thresholds, profile, previous, ports.now(), costs)
    if expectations := [rule for rule in rules if isinstance(rule, ExpectationSpec)]:
        found = tuple(ports.expectations.run(files, expectations))
        report = replace(report, findings=(*report.findings, *found))
    report = report.strict() if candidate.patch else report  # S4-38
    verdict = record_verdict(
        ports.store, dataset, digest, report, decided_at=ports.now(), signer=ports.signer
    )
    return Gated(report, profile, verdict)


def _profile(
    ports: ReleasePorts,
    dataset: DatasetId,
    digest: str,
    candidate: Candidate,
    files: Sequence[str],
) -> Profile:
    """The profile that the contract check measured of these very bytes, else a new one."""
    thresholds = metric_thresholds(candidate)
    decision = read_decision(ports.store, dataset, digest, "contract")
    if decision is not None and decision.profile and not any(map(needs_exact_counts, thresholds)):
        return _stored_profile(ports, decision.profile)
    contract = Contract.model_validate(candidate.contract)
    return ports.engine.profile(files, contract, thresholds, time=candidate.time_column)


def needs_exact_counts(threshold: MetricThreshold) -> bool:
    """Whether a threshold asks for more than every profile tells."""
    if threshold.metric is Metric.COMPLETENESS:
        return len(threshold.fields) != 1
    return threshold.metric is Metric.UNIQUENESS


def _previous_profile(ports: ReleasePorts, current: Release | None) -> Profile | None:
    key = current.manifest.reports.get("profile") if current else None
    return _stored_profile(ports, key) if isinstance(key, str) else None


def _stored_profile(ports: ReleasePorts, key: str) -> Profile:
    return Profile.from_json(
        read_json(ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    )
