"""Checks of a bundle, for each of its partitions: is all there, in time, reachable, and signed.

What is measured stands in `bundles.watch`; here belongs how Dagster shows it, in a run and when the
watch has looked. All but the delay hold back what comes after the bundle: a consumer that trains on
a bundle with holes is worse off than one that waits.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import dagster as dg

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.run_names import BUNDLE_ASSET
from dataplatform.bundles.watch.completeness import measure_completeness
from dataplatform.bundles.watch.measured import ChannelCompleteness, Completeness
from dataplatform.bundles.watch.monitoring import Monitoring, read_monitoring
from dataplatform.datasets.schedule import duration_text
from dataplatform.defs.metadata import problem_metadata
from dataplatform.defs.names import BUNDLES
from dataplatform.defs.tables import table
from dataplatform.errors import InvalidDefinition
from dataplatform.ports import SpecRepo
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.bundles import read_bundle
from opendata.wire.bundle import BundleLock
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.times import parse_instant
from opendata.wire.words import counted

BUNDLE_KEY: Final = dg.AssetKey([BUNDLE_ASSET])
COMPLETENESS: Final = "completeness"
SYNC_DELAY: Final = "sync_delay"
STORAGE: Final = "storage"
SIGNATURE: Final = "signature"
_ABOUT: Final = {
    COMPLETENESS: "Of the files that the channels' specs declare, the share that is indexed, there "
    "and intact, channel by channel (S0-67…S0-69).",
    SYNC_DELAY: "How long after its commit the bundle was indexed (S0-71).",
    STORAGE: "The channels' places answer, and no indexed file is lost or damaged (S0-73…S0-75).",
    SIGNATURE: "The lock is signed by a key that is trusted here.",
}
CHECK_NAMES: Final = tuple(_ABOUT)
_CHANNEL_COLUMNS: Final = (
    "channel", "version", "ratio", "threshold", "basis", "expected", "complete", "missing",
    "lost", "damaged", "problem",
)  # fmt: skip
_SPAN_COLUMNS: Final = ("channel", "start", "expected", "intact")
SPANS_TOLD_MAX: Final = 100


@dataclass(frozen=True)
class Verdict:
    """What one check says of one bundle."""

    name: str
    passed: bool
    description: str
    metadata: Mapping[str, Any]

    def result(self) -> dg.AssetCheckResult:
        """As a step of the bundle's own run yields it."""
        return dg.AssetCheckResult(
            passed=self.passed,
            asset_key=BUNDLE_KEY,
            check_name=self.name,
            severity=_severity(self.name),
            description=self.description,
            metadata=dict(self.metadata),
        )

    def evaluation(self, partition: str) -> dg.AssetCheckEvaluation:
        """As the watch tells it, from a run of its own, which nothing of it holds back.

        What depends on the bundle goes by the check's own rule. A run it has to be: Dagster 1.13
        keeps but one evaluation without a run for each check and partition.
        """
        return dg.AssetCheckEvaluation(
            asset_key=BUNDLE_KEY,
            check_name=self.name,
            passed=self.passed,
            severity=_severity(self.name),
            description=self.description,
            metadata=dict(self.metadata),
            partition=partition,
        )


def bundle_check_specs() -> list[dg.AssetCheckSpec]:
    """The checks, each with the bundles' partitions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # known; see the ADR
        return [
            dg.AssetCheckSpec(
                name,
                asset=BUNDLE_KEY,
                description=about,
                blocking=name != SYNC_DELAY,
                partitions_def=BUNDLES,
            )
            for name, about in _ABOUT.items()
        ]


def look_at_bundle(
    ports: BundlePorts, repo: SpecRepo, lock: BundleLock, asked: Collection[str] = CHECK_NAMES
) -> Iterator[Verdict]:
    """What the checks that are asked for say of a bundle now.

    Raises:
        Denied, Unavailable: where the spec repository or the store cannot be read.
    """
    monitoring = _monitoring(repo)
    if {COMPLETENESS, STORAGE} & set(asked):
        measured = measure_completeness(ports, lock, now=ports.now(), monitoring=monitoring)
        yield from (one for one in (completeness(measured), storage(measured)) if one.name in asked)
    if SYNC_DELAY in asked:
        yield sync_delay(ports, repo, lock, monitoring)
    if SIGNATURE in asked:
        yield signature(ports, lock)


def completeness(measured: Completeness) -> Verdict:
    """Every channel against its threshold."""
    short = [one for one in measured.channels if not one.passed]
    unknown = [one.channel for one in measured.channels if one.basis == "unknown"]
    told = "; ".join(map(_channel_told, short)) or _all_told(measured)
    metadata: dict[str, Any] = {
        "channels": table(map(_channel_row, measured.channels), _CHANNEL_COLUMNS)
    }
    if measured.ratio is not None:
        metadata["completeness"] = round(measured.ratio, 6)
    if unknown:
        metadata["nothing_declared"] = ", ".join(unknown)
    if rows := list(_short_spans(measured.channels)):
        metadata["short_spans"] = table(rows, _SPAN_COLUMNS)
    if short:
        metadata["hint"] = f"od bundle status {measured.bundle}"
    return Verdict(COMPLETENESS, not short, told, metadata)


def storage(measured: Completeness) -> Verdict:
    """Whether places answer and files are there and intact."""
    problems = [f"{one.channel}: {one.problem}" for one in measured.channels if one.problem]
    lost = sum(len(one.lost) for one in measured.channels)
    damaged = sum(len(one.damaged) for one in measured.channels)
    if lost:
        problems.append(f"{counted(lost, 'indexed file')} lost or of another size")
    if damaged:
        problems.append(f"{counted(damaged, 'file')} damaged")
    rows = [
        {"channel": one.channel, "file": each.path, "problem": each.cause}
        for one in measured.channels
        for each in one.lost[:SPANS_TOLD_MAX]
    ]
    rows += [
        {"channel": one.channel, "file": path, "problem": "its bytes are not those of its digest"}
        for one in measured.channels
        for path in one.damaged[:SPANS_TOLD_MAX]
    ]
    metadata: dict[str, Any] = {"lost": lost, "damaged": damaged}
    if rows:
        metadata["files"] = table(rows, ("channel", "file", "problem"))
    if problems:
        metadata["hint"] = f"od bundle repair {measured.bundle}"
    told = "; ".join(problems) or "every place answers and every indexed file is there"
    return Verdict(STORAGE, not problems, told, metadata)


def sync_delay(
    ports: BundlePorts, repo: SpecRepo, lock: BundleLock, monitoring: Monitoring
) -> Verdict:
    """How long after its commit the bundle's first revision of it was locked."""
    limit = monitoring.sync.max_sync_delay
    if lock.spec.commit is None:
        return Verdict(SYNC_DELAY, True, "its spec is in no commit", {})
    try:
        committed_at = repo.committed_at(lock.spec.commit)
    except NotFound:
        told = f"commit {lock.spec.commit} is gone: the history was rewritten"
        return Verdict(SYNC_DELAY, True, told, {})
    delay = first_locked_at(ports, lock) - committed_at
    seconds = max(0.0, delay.total_seconds())
    passed = delay <= limit
    told = f"indexed {seconds:,.0f} s after its commit; at most {duration_text(limit)}"
    return Verdict(
        SYNC_DELAY,
        passed,
        told,
        {"seconds": round(seconds, 1), "limit_seconds": limit.total_seconds()},
    )


def signature(ports: BundlePorts, lock: BundleLock) -> Verdict:
    """Whether the lock is signed as the trust root asks."""
    integrity = lock.integrity
    metadata = {"signed_by": integrity.signed_by or "", "trust_root": ports.trust is not None}
    try:
        checked = verify_bundle(lock, ports.trust, ports.store)
    except Denied as error:
        return Verdict(SIGNATURE, False, error.message, metadata | problem_metadata(error))
    if ports.trust is None:
        by = f"signed by {integrity.signed_by}" if integrity.signed_by else "unsigned"
        told = f"{by}; no trust root is set, so digests alone were checked"
    else:
        told = f"signed by {integrity.signed_by} ({checked.name.lower()})"
    return Verdict(SIGNATURE, True, told, metadata)


def first_locked_at(ports: BundlePorts, lock: BundleLock) -> datetime:
    """When the lock's commit was first locked: files that changed since, or a better index, give a
    later revision of the same commit."""
    first = lock
    while first.revision > 1:
        try:
            before = read_bundle(ports.store, lock.ref, first.revision - 1).lock
        except (NotFound, Corrupt):
            break
        if before.spec.commit != lock.spec.commit:
            break
        first = before
    return parse_instant(first.created_at)


def _monitoring(repo: SpecRepo) -> Monitoring:
    """What is watched now; the document's values where the file is broken, which `od bundle check`
    and the status say."""
    try:
        return read_monitoring(repo, repo.known_head() or repo.head())
    except InvalidDefinition:
        return Monitoring()


def _severity(name: str) -> dg.AssetCheckSeverity:
    severity = dg.AssetCheckSeverity
    return severity.WARN if name == SYNC_DELAY else severity.ERROR


def _all_told(measured: Completeness) -> str:
    if measured.ratio is None:
        return "nothing is declared to be expected; every indexed file is there"
    return f"{measured.ratio:.2%} of what is expected is there and intact"


def _channel_told(one: ChannelCompleteness) -> str:
    if one.problem is not None:
        return f"{one.channel} cannot be measured: {one.problem}"
    if one.ratio is None:
        return f"{one.channel}: {counted(len(one.lost) + len(one.damaged), 'file')} lost or damaged"
    return (
        f"{one.channel}: {one.ratio:.2%} of {counted(one.expected or 0, 'expected file')}, at "
        f"least {one.threshold:.2%}"
    )


def _channel_row(one: ChannelCompleteness) -> Mapping[str, Any]:
    return {
        "channel": one.channel,
        "version": one.version,
        "ratio": "unknown" if one.ratio is None else round(one.ratio, 6),
        "threshold": one.threshold,
        "basis": one.basis,
        "expected": "unknown" if one.expected is None else one.expected,
        "complete": "unknown" if one.complete is None else one.complete,
        "missing": one.missing,
        "lost": len(one.lost),
        "damaged": len(one.damaged),
        "problem": one.problem or "",
    }


def _short_spans(channels: Iterable[ChannelCompleteness]) -> Iterator[Mapping[str, Any]]:
    """The spans of time that lack files, the first of each channel."""
    for one in channels:
        for span in islice(() if one.spans is None else one.spans.short(), SPANS_TOLD_MAX):
            yield {
                "channel": one.channel,
                "start": span.start,
                "expected": span.expected or 0,
                "intact": span.intact,
            }
