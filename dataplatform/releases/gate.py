"""Gate: hold a candidate to its quality thresholds and record the verdict (S4-45, M-6).

Metrics are judged on our own profile, expectations by Great Expectations. A crash in either, or a
missing library, is not a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataplatform.contracts.model import Contract, ExpectationSpec, MetricThreshold, QualityRule
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.quality import check_quality
from dataplatform.contracts.report import Report
from dataplatform.datasets.definition import parse_quality
from dataplatform.releases.candidate import Candidate, read_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.verdict import Verdict, record_verdict
from opendata.reading.resolve import Release, read_current
from opendata.wire.codec import read_json
from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class Gated:
    """The quality gate's report on a candidate and the stored verdict."""

    report: Report
    verdict: Verdict


def gate_candidate(ports: ReleasePorts, dataset: DatasetId, digest: str) -> Gated:
    """Judge a staged candidate by the thresholds that it carries.

    Raises:
        NotFound, Corrupt: if the candidate or one of its shards cannot be read.
    """
    candidate = read_candidate(ports.store, dataset, digest)
    rules = parse_quality(candidate.definition)
    files = [ports.shard_path(entry) for entry in candidate.files]
    report = _judge(ports, candidate, rules, files, read_current(ports.store, dataset))
    verdict = record_verdict(
        ports.store, dataset, digest, report, decided_at=ports.now(), signer=ports.signer
    )
    return Gated(report, verdict)


def _judge(
    ports: ReleasePorts,
    candidate: Candidate,
    rules: Sequence[QualityRule],
    files: Sequence[str],
    current: Release | None,
) -> Report:
    thresholds = [rule for rule in rules if isinstance(rule, MetricThreshold)]
    expectations = [rule for rule in rules if isinstance(rule, ExpectationSpec)]
    contract = Contract.model_validate(candidate.contract)
    profile = ports.engine.profile(files, contract, thresholds, time=candidate.time_column)
    previous = _previous_profile(ports, current)
    report = check_quality(thresholds, profile, previous, ports.now())
    if not expectations:
        return report
    return report.with_findings(ports.expectations.run(files, expectations))


def _previous_profile(ports: ReleasePorts, current: Release | None) -> Profile | None:
    key = current.manifest.reports.get("profile") if current else None
    if not isinstance(key, str):
        return None
    return Profile.from_json(read_json(ports.store.get(key).data, key))
