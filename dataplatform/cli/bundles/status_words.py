"""A bundle's status in words and blocks, for people.

Here belongs what a terminal shows of values that were measured, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from dataplatform.alerts.state import Alert, Message
from dataplatform.bundles.watch.findings import percent
from dataplatform.bundles.watch.measured import ChannelCompleteness
from dataplatform.bundles.watch.status import BundleStatus
from dataplatform.bundles.watch.storage import ScrubCoverage, StorageHealth
from dataplatform.bundles.watch.sync import BundleSync
from dataplatform.cli.bundles.sparkline import draw
from dataplatform.contracts.duration import duration_text
from opendata.cli.output import Output
from opendata.wire.words import counted

PATHS_SHOWN = 5
_INDENT = "  "


def show_status(out: Output, status: BundleStatus) -> None:
    """All that is known of one bundle."""
    lock = status.lock
    mark, colour = ("✓", "green") if status.passed else ("✗", "red")
    out.line(f"{mark} {lock.ref}, revision {lock.revision}", fg=colour, bold=True)
    for channel in status.completeness.channels:
        _show_channel(out, channel)
    out.facts(
        [
            ("  sync", _sync_words(status.sync, status.sync_problem)),
            ("  access", _access_words(status.storage)),
            ("  scrub", _scrub_words(status.storage.scrub)),
        ]
    )
    for damage in status.storage.damage:
        out.line(f"{_INDENT}damaged in {damage.channel} {damage.version}:", fg="red")
        _show_paths(out, (f"{one.path} ({one.kind})" for one in damage.files), len(damage.files))
    for finding in status.findings:
        out.line(f"{_INDENT}{finding.severity}: {finding.summary}", fg="yellow")
        out.line(f"{_INDENT}{_INDENT}cause:  {finding.cause}")
        out.line(f"{_INDENT}{_INDENT}repair: {finding.repair}")


def show_not_indexed(out: Output, files: Iterable[BundleSync]) -> None:
    """Files of bundles that no lock was made of yet, and what is in the way."""
    for one in files:
        span = span_words(one.delay_seconds)
        colour = "yellow" if one.passed else "red"
        mark = "–" if one.passed else "✗"
        out.line(f"{mark} {one.path}: {one.state} for {span}", fg=colour, bold=True)
        if one.cause:
            out.line(f"{_INDENT}cause:  {one.cause}")
        if one.repair:
            out.line(f"{_INDENT}repair: {one.repair}")


def _show_channel(out: Output, one: ChannelCompleteness) -> None:
    name = f"{_INDENT}{one.channel} {one.version}"
    if one.problem is not None:
        out.line(f"{name}  cannot be measured: {one.problem}", fg="red")
        return
    out.line(f"{name}  {_share_words(one)}", fg=None if one.passed else "red")
    if one.spans is not None and len(one.spans):
        line, marks = draw(one.spans, one.threshold)
        out.line(f"{_INDENT}{_INDENT}{line}  by hour, from {one.spans.at(0).start}")
        if marks:
            out.line(f"{_INDENT}{_INDENT}{marks}  below {percent(one.threshold)}", fg="yellow")
    if one.never_indexed > 0 and one.spans is not None:
        short = list(one.spans.by_hour().short())
        out.line(f"{_INDENT}{_INDENT}short of what is expected:")
        told = (f"{span.start}: {span.intact:,} of {span.expected:,}" for span in short)
        _show_paths(out, told, len(short))
    if one.lost:
        out.line(f"{_INDENT}{_INDENT}missing:")
        _show_paths(out, (f"{lost.path}: {lost.cause}" for lost in one.lost), len(one.lost))


def _share_words(one: ChannelCompleteness) -> str:
    there = f"{one.intact:,} of {one.indexed:,} indexed files intact"
    if one.ratio is None or one.expected is None:
        return f"completeness unknown ({one.reason}); {there}"
    whole = ", of the whole channel" if one.basis == "count" else ""
    return (
        f"{percent(one.ratio)} complete (threshold {percent(one.threshold)}): "
        f"{one.complete or 0:,} of {one.expected:,} expected{whole}; {there}"
    )


def _show_paths(out: Output, paths: Iterable[str], count: int) -> None:
    for at, path in enumerate(paths):
        if at == PATHS_SHOWN:
            out.line(f"{_INDENT * 3}and {count - PATHS_SHOWN:,} more; --json names them")
            return
        out.line(f"{_INDENT * 3}{path}")


def _sync_words(sync: BundleSync | None, problem: str | None) -> str:
    if problem is not None:
        return f"unknown: {problem}"
    if sync is None:
        return "its file is not in the spec repository any more"
    span = span_words(sync.delay_seconds)
    if sync.state == "indexed":
        return f"indexed {span} after commit {sync.commit[:12]}"
    return f"{sync.state} for {span}, commit {sync.commit[:12]}"


def span_words(seconds: float) -> str:
    """A span of time, its two largest units."""
    return duration_text(timedelta(seconds=int(seconds)))


def _access_words(storage: StorageHealth) -> str:
    broken = [one for one in storage.places if one.problem]
    if not storage.places:
        return "not checked"
    if not broken:
        return f"{counted(len(storage.places), 'place')} can be reached"
    return "; ".join(f"{one.storage_path}: {one.problem}" for one in broken)


def _scrub_words(scrub: ScrubCoverage) -> str:
    seen = f"{percent(scrub.share)} of {counted(scrub.total, 'file')} this round"
    if scrub.oldest_seconds is None:
        return f"{seen}; no round has ended yet"
    within = span_words(scrub.within_seconds)
    late = "" if scrub.passed else f", and rounds should take {within}"
    return f"{seen}; every file was hashed in the last {span_words(scrub.oldest_seconds)}{late}"


def show_alerts(
    out: Output, alerts: Iterable[Alert], unsent: Iterable[Message], problems: Mapping[str, str]
) -> None:
    """The open alerts, what waits to be sent, and who cannot be told."""
    for one in alerts:
        state = f"acknowledged by {one.acknowledged_by}" if one.acknowledged_by else "open"
        out.line(f"alert {one.key}", fg="red", bold=True)
        out.line(f"{_INDENT}{one.severity}, {state} since {one.opened_at}: {one.summary}")
        out.line(f"{_INDENT}cause:  {one.cause}")
        out.line(f"{_INDENT}repair: {one.repair}")
        if one.told:
            out.line(f"{_INDENT}told:   {', '.join(one.told)}")
    for message in unsent:
        tried = f"after {counted(message.attempts, 'attempt')}"
        why = message.last_error or "nobody has tried yet"
        out.line(f"not sent to {message.target} {tried}: {why}", fg="yellow")
    for target, problem in problems.items():
        out.line(f"{target} cannot be told: {problem}", fg="yellow")
