"""From what was measured to findings: what is wrong, why, and the command that repairs it.

Here belong the sentences and the severities. A file that is missing is a warning; bytes that are
lost or a place that cannot be reached are critical.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from dataplatform.alerts.finding import Finding, Severity
from dataplatform.bundles.compatibility import Compatibility
from dataplatform.bundles.watch.measured import ChannelCompleteness, Completeness
from dataplatform.bundles.watch.monitoring import Monitoring
from dataplatform.bundles.watch.storage import Damage, StorageHealth
from dataplatform.bundles.watch.sync import BundleSync, SyncStatus
from dataplatform.bundles.watch.watched import Unreadable
from dataplatform.contracts.duration import duration_text
from opendata.wire.bundle import BundleRef, parse_bundle_ref
from opendata.wire.compatibility import INCOMPATIBLE
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted

COMPLETENESS, SYNC, ACCESS, DAMAGE = "completeness/", "sync/", "access/", "damage/"
TARGETS, CHECKS, LOCKS = "targets/", "checks/", "locks/"
COMPATIBILITY = "compatibility/"
_PATHS_SHOWN = 3


def typed(bundle: str) -> str:
    """A bundle as commands take it: `name@version`."""
    ref: BundleRef = parse_bundle_ref(bundle)
    return f"{ref.name}@{ref.version}"


def completeness_key(bundle: str, channel: str) -> str:
    """The key of a channel's completeness in a bundle."""
    return f"{COMPLETENESS}{bundle}/{channel}"


def of_completeness(measured: Completeness, monitoring: Monitoring) -> Iterator[Finding]:
    """Channels below their threshold, or with files missing where that alone is an alert. What
    could not be measured is no finding of its own: the place or the index is one. Nor are damaged
    files alone: they are `of_damage`."""
    for one in measured.channels:
        alerts = monitoring.completeness.alerts_on_missing(one.channel)
        short = one.ratio is not None and one.ratio < one.threshold
        if one.problem is None and (short or (alerts and one.absent > 0)):
            yield _incomplete(measured.bundle, one)


def _incomplete(bundle: str, one: ChannelCompleteness) -> Finding:
    repair = f"od bundle repair {typed(bundle)} --apply"
    lacks = f"{counted(one.absent, 'file')} missing"
    if one.damaged:
        lacks += f", {len(one.damaged):,} damaged"
    share = lacks if one.ratio is None else f"{percent(one.ratio)} complete, {lacks}"
    return Finding(
        key=completeness_key(bundle, one.channel),
        severity=Severity.WARNING,
        summary=f"{one.channel} in {bundle}: {share}",
        cause="; ".join(_causes(one)),
        repair=repair,
        details=_facts(one),
    )


def percent(share: float) -> str:
    """A share, never rounded up to what it has not reached."""
    return f"{int(share * 10_000) / 100:.2f} %"


def _causes(one: ChannelCompleteness) -> Iterator[str]:
    if one.lost:
        paths = ", ".join(lost.path for lost in one.lost[:_PATHS_SHOWN])
        more = " and others" if len(one.lost) > _PATHS_SHOWN else ""
        yield f"{counted(len(one.lost), 'indexed file')} gone or of another size: {paths}{more}"
    if one.damaged:
        yield f"{counted(len(one.damaged), 'file')} damaged"
    if one.never_indexed > 0:
        spans = list(one.spans.short()) if one.spans is not None else []
        when = f", from {spans[0].start} on" if spans else ""
        yield f"{counted(one.never_indexed, 'expected file')} not in the index{when}"


def _facts(one: ChannelCompleteness) -> Mapping[str, Any]:
    facts = one.to_json()
    facts.pop("hours")
    return facts


def of_sync(status: SyncStatus, monitoring: Monitoring) -> Iterator[Finding]:
    """A repository that does not answer, and bundle files that are late or failed."""
    if status.problem is not None and status.is_set:
        yield Finding(
            key=f"{SYNC}repository",
            severity=Severity.WARNING,
            summary="the spec repository cannot be looked at",
            cause=status.problem,
            repair="od doctor",
        )
    if monitoring.sync.alert_on_sync_failure:
        yield from (behind(one) for one in status.bundles if not one.passed)


def behind(one: BundleSync) -> Finding:
    """A bundle file that is late or failed."""
    waited = duration_text(timedelta(seconds=int(one.delay_seconds)))
    what = "could not be indexed" if one.state == "failed" else "has no index"
    return Finding(
        key=f"{SYNC}{one.path}",
        severity=Severity.WARNING,
        summary=f"{one.path} at {one.commit[:12]} {what}, for {waited}",
        cause=one.cause or "nothing says why",
        repair=one.repair or f"od bundle index {one.path}",
        details={"commit": one.commit, "delay_seconds": one.delay_seconds},
    )


def of_storage(health: StorageHealth, monitoring: Monitoring) -> Iterator[Finding]:
    """Places that cannot be reached, and damaged files."""
    for place in health.places:
        if place.problem is not None:
            yield Finding(
                key=f"{ACCESS}{place.storage_path}",
                severity=Severity.CRITICAL,
                summary=f"{place.storage_path} cannot be reached",
                cause=place.problem,
                repair=place.hint or "od bundle status, once it is mended",
                details={"channels": list(place.channels)},
            )
    if monitoring.storage.alert_on_corruption:
        yield from of_damage(health.damage)


def of_damage(damage: Iterable[Damage]) -> Iterator[Finding]:
    """Damaged files, one finding for each version of a channel."""
    for one in damage:
        files = ", ".join(f"{file.path} ({file.kind})" for file in one.files[:_PATHS_SHOWN])
        more = " and others" if len(one.files) > _PATHS_SHOWN else ""
        of = f"{one.channel} {one.version}"
        yield Finding(
            key=f"{DAMAGE}{one.channel}/v{one.version}",
            severity=Severity.CRITICAL,
            summary=f"{counted(len(one.files), 'file')} of {of} damaged",
            cause=f"their bytes are not the ones that were indexed: {files}{more}",
            repair=f"od bundle repair {typed(one.bundles[0])} --channel {one.channel} --apply",
            details=one.to_json(),
        )


def of_compatibility(found: Compatibility | None) -> Iterator[Finding]:
    """Repositories whose versions do not go together; the file says who hears of it (S0-58)."""
    if found is not None and found.verdict == INCOMPATIBLE:
        guide = found.migration_guide
        yield Finding(
            key=f"{COMPATIBILITY}versions",
            severity=Severity.CRITICAL if found.fails else Severity.WARNING,
            summary="the spec and the index repository do not go together",
            cause=found.sentence,
            repair=f"read {guide}, then od bundle check" if guide else "od bundle check",
            notify=found.notify,
            details=found.to_json(),
        )


def of_locks(unreadable: Iterable[Unreadable]) -> Iterator[Finding]:
    """Bundles that are published and whose locks cannot be read."""
    for one in unreadable:
        yield Finding(
            key=f"{LOCKS}{one.bundle}",
            severity=Severity.CRITICAL,
            summary=f"the lock of {one.bundle} cannot be read",
            cause=one.problem,
            repair=f"od bundle index bundles/{one.bundle}.yaml, or restore it from a copy",
        )


def of_targets(problems: Mapping[str, str]) -> Iterator[Finding]:
    """Targets of alerts that cannot be told."""
    for target, problem in problems.items():
        yield Finding(
            key=f"{TARGETS}{target}",
            severity=Severity.WARNING,
            summary=f"alerts for {target} cannot be sent",
            cause=problem,
            repair=f"add a line `{target} = ADDRESS` to the file that OPENDATA_ALERTS names",
        )


def of_failure(check: str, error: OpenDataError) -> Finding:
    """A check that could not be made at all."""
    return Finding(
        key=f"{CHECKS}{check}",
        severity=Severity.WARNING,
        summary=f"{check} could not be checked",
        cause=error.message,
        repair=error.hint or "od bundle status",
    )
