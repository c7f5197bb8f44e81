"""A verdict: one gate's decision, bound to exactly one candidate (requirements M-10, S4-10).

The gate is enforced by this data and not by scheduling: `freeze` asks for the passing verdicts of
the very digest that it freezes, so no re-run, selection or newer candidate can slip past.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from dataplatform.contracts.report import Report
from dataplatform.errors import GateClosed
from dataplatform.releases.objects import JSON, put_object
from dataplatform.releases.ports import Signer
from opendata.reading.signature import require_accepted, verdict_statement, verify_envelope
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.codec import Wire, read_wire
from opendata.wire.digest import canonical_json, prefixed
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.times import format_instant

Gate = Literal["contract", "quality"]
GATES: tuple[Gate, ...] = ("contract", "quality")


class Decision(Wire):
    """What was decided; `report` (and for the contract `profile`) are object keys."""

    gate: Gate
    candidate: str
    passed: bool
    report: str
    decided_at: str
    profile: str | None = None


class Verdict(Wire):
    """A decision and, where a key is configured, its signature."""

    decision: Decision
    signature: dict[str, Any] | None = None


def record_verdict(
    store: ObjectStore,
    dataset: DatasetId,
    candidate: str,
    report: Report,
    *,
    decided_at: datetime,
    signer: Signer | None,
    profile: bytes | None = None,
) -> Verdict:
    """Store a gate's report and its (signed) verdict on this candidate.

    A later verdict of the same gate replaces the earlier one: the last look counts.
    """
    gate: Gate = "contract" if report.gate == "contract" else "quality"
    decision = Decision(
        gate=gate,
        candidate=prefixed(candidate),
        passed=report.passed,
        report=put_object(store, canonical_json(report.to_json()), content_type=JSON),
        decided_at=format_instant(decided_at),
        profile=put_object(store, profile, content_type=JSON) if profile else None,
    )
    signature = signer.sign(verdict_statement(decision.to_json(), candidate)) if signer else None
    verdict = Verdict(decision=decision, signature=signature)
    store.put(keys.verdict_key(dataset, candidate, gate), verdict.to_bytes())
    return verdict


def require_verdicts(
    store: ObjectStore, dataset: DatasetId, candidate: str, signer: Signer | None
) -> dict[Gate, Decision]:
    """The passing decisions of all gates on exactly this candidate.

    Raises:
        GateClosed: if a gate did not look at this candidate, or looked and said no.
        Denied: if a signing key is configured and a verdict is not signed by a trusted one.
    """
    return {gate: _require(store, dataset, candidate, gate, signer) for gate in GATES}


def read_decision(
    store: ObjectStore, dataset: DatasetId, candidate: str, gate: Gate
) -> Decision | None:
    """What a gate last decided about this candidate, or None if it never looked."""
    key = keys.verdict_key(dataset, candidate, gate)
    try:
        return read_wire(Verdict, store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key).decision
    except NotFound:
        return None


def _require(
    store: ObjectStore, dataset: DatasetId, candidate: str, gate: Gate, signer: Signer | None
) -> Decision:
    key = keys.verdict_key(dataset, candidate, gate)
    try:
        verdict = read_wire(Verdict, store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    except NotFound as error:
        raise GateClosed(
            f"the {gate} gate has no verdict on candidate {candidate[:12]}… of {dataset}",
            code="gate_missing",
            hint=f"od run {dataset}, or run the check {gate!r} of this asset first",
        ) from error
    decision = verdict.decision
    if decision.candidate != prefixed(candidate) or decision.gate != gate:
        raise GateClosed(f"{key} is a verdict on another candidate", code="gate_mismatch")
    if signer is not None:
        statement = verdict_statement(decision.to_json(), candidate)
        trust = signer.trust()
        signed_by = verify_envelope(verdict.signature, statement, trust, key)
        require_accepted(trust, signed_by, str(dataset), decision.decided_at, key)
    if not decision.passed:
        raise GateClosed(
            f"the {gate} gate said no to candidate {candidate[:12]}… of {dataset}",
            code=f"{gate}_failed",
            hint=f"od run {dataset} --dry-run shows the failing rows",
            details={"report": decision.report},
        )
    return decision
