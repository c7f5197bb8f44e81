"""Validate: hold a candidate to its contract and record the verdict (S4-10, S4-42, S4-43).

The contract that counts is the one that the candidate carries, so that what was checked is what is
frozen. Values that its rules look up elsewhere are looked up in the releases that it
names among its inputs. A crash of the engine is an error and leaves no verdict, hence no release.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplatform.contracts.model import Contract
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.report import Report
from dataplatform.releases.candidate import read_candidate
from dataplatform.releases.gate import metric_thresholds
from dataplatform.releases.known_shards import known_shards
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.quarantine import with_quarantined
from dataplatform.releases.references import pinned_tables
from dataplatform.releases.verdict import Verdict, record_verdict
from opendata.reading.resolve import read_current
from opendata.wire.digest import canonical_json
from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class Validated:
    """The contract's report on a candidate, its measured profile, and the stored verdict."""

    report: Report
    profile: Profile
    verdict: Verdict


def validate_candidate(ports: ReleasePorts, dataset: DatasetId, digest: str) -> Validated:
    """Check a staged candidate against its contract.

    Raises:
        NotFound, Corrupt: if the candidate or one of its shards cannot be read.
    """
    candidate = read_candidate(ports.store, dataset, digest)
    contract = Contract.model_validate(candidate.contract)
    files = [ports.shard_path(entry) for entry in candidate.files]
    pinned = pinned_tables(ports, contract, candidate.inputs)
    current, thresholds = read_current(ports.store, dataset), metric_thresholds(candidate)
    report, profile = ports.engine.check(
        files,
        contract,
        time=candidate.time_column,
        known=known_shards(ports.store, candidate, contract, current, thresholds, pinned),
        pinned=pinned,
    )
    report = with_quarantined(report, contract, candidate.quarantined)
    report = report.strict() if candidate.patch else report  # S4-38
    verdict = record_verdict(
        ports.store,
        dataset,
        digest,
        report,
        decided_at=ports.now(),
        signer=ports.signer,
        profile=canonical_json(profile.to_json()),
    )
    return Validated(report, profile, verdict)
