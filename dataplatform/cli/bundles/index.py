"""`od bundle index`: from a bundle's spec to a frozen lock, by hand.

Here belong the words of it. The verb is `bundles.index`'s; which spec is meant, `asking`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dataplatform.bundles.compatibility import Compatibility
    from dataplatform.bundles.index import IndexedBundle, Plan
    from dataplatform.bundles.ports import BundlePorts
    from dataplatform.bundles.preview import Preview
    from dataplatform.channels.build import IndexedChannel
    from opendata.wire.bundle import BundleLock

UNREAD_TOLD_MAX = 5


@click.command()
@click.argument("spec", metavar="SPEC.yaml")
@click.option("--commit", metavar="SHA", help="Read everything at this commit (or HEAD).")
@click.option(
    "--channel", "only", multiple=True, metavar="NAME",
    help="Look at this channel alone anew; the others keep the index they have.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Read every file again, changed or not.")
@click.option("--dry-run", is_flag=True, help="Say what would be locked; write nothing.")
@with_output
def index(
    out: Output, spec: str, commit: str | None, only: tuple[str, ...], force: bool, dry_run: bool
) -> None:
    """Index the channels of a bundle and lock them: what a commit of its spec does by itself.

    SPEC.yaml is a file in a working tree of the spec repository, a path in the repository that
    OPENDATA_SPEC_REPO names, or a lone copy of such a file. The same again changes nothing.

    \b
    od bundle index bundles/weekly/model-v1.0.0-2025.25.yaml
    od bundle index bundle_spec.yaml
    od bundle index weekly/model-v1.0.0-2025.25 --commit HEAD --dry-run
    """
    from dataplatform.bundle_wiring import bundle_ports
    from dataplatform.bundles.index import plan_bundle
    from dataplatform.cli.bundles.asking import find_asked
    from dataplatform.cli.bundles.recording import record_by_hand
    from dataplatform.cli.place import find_settings, prepare_store

    settings = find_settings()
    asked = find_asked(settings, spec, commit)
    if not dry_run:
        prepare_store(settings, out.note)
    ports = bundle_ports(settings)
    if asked.source.commit is None:
        out.warn("the spec is not committed as it stands here, so the lock will name no commit")
    if dry_run:
        _show_plan(out, ports, plan_bundle(ports, asked), force)
        return
    try:
        with out.steps() as tell:
            done = _indexed(ports, asked, frozenset(only), force, tell)
    except Exception as error:
        record_by_hand(ports, asked, out.warn, error=error)
        raise
    record_by_hand(ports, asked, out.warn, changed=done.changed)
    _warn(out, done)
    out.result(to_json(done), lambda: _show(out, done), [str(done.lock.ref)])


def _indexed(
    ports: Any,
    asked: Any,
    only: frozenset[str],
    force: bool,
    tell: Callable[[str], None],
) -> IndexedBundle:
    from dataplatform.bundles.gather import How
    from dataplatform.bundles.index import index_asked
    from dataplatform.cli.bundles.telling import TellingProgress

    how = How(force, only, TellingProgress(tell), tell)
    return index_asked(ports, asked, how)


def _warn(out: Output, done: IndexedBundle) -> None:
    for note in done.notes:
        out.note(note)
    if done.compatibility is not None and done.compatibility.verdict != "compatible":
        out.warn(done.compatibility.sentence)
    for one in done.lock.left_out:
        out.warn(f"{one.channel} {one.requested} was left out: {one.reason}")
    for channel in done.channels:
        _warn_unread(out, channel)
    for entry in done.lock.channels:
        if not entry.file_count:
            out.warn(f"{entry.channel} {entry.version} has no file in the range")
    if done.superseded:
        out.warn("a newer commit of this bundle was indexed already; that is what readers have")
    if done.lock.integrity.signature is None:
        out.warn("the lock is unsigned, because no signing key is set", "od key create makes one")


def _warn_unread(out: Output, channel: IndexedChannel) -> None:
    unread = channel.unread
    if not unread:
        return
    told = "; ".join(f"{one.file.path}: {one.reason}" for one in unread[:UNREAD_TOLD_MAX])
    more = f" and {len(unread) - UNREAD_TOLD_MAX} more" if len(unread) > UNREAD_TOLD_MAX else ""
    what = f"{channel.index.channel} {channel.index.version}"
    out.warn(f"{counted(len(unread), 'file')} of {what} could not be read: {told}{more}")


def _show(out: Output, done: IndexedBundle) -> None:
    lock = done.lock
    state = "locked" if done.changed else "locked already, unchanged"
    out.line(f"✓ {lock.ref} is {state} (revision {lock.revision})", fg="green")
    looked = {(one.index.channel, one.index.version): one for one in done.channels}
    out.table(
        ["channel", "version", "files", "size", "read", "same", "from", "until"],
        [
            [
                entry.channel,
                entry.version,
                entry.file_count,
                human_bytes(entry.total_bytes),
                *_work(looked.get((entry.channel, entry.version))),
                (entry.data_range.start_time or "")[:19],
                (entry.data_range.end_time or "")[:19],
            ]
            for entry in lock.channels
        ],
    )
    out.facts(
        [
            ("files", f"{lock.total_files:,}"),
            ("size", human_bytes(lock.total_bytes)),
            ("spec", _source(lock)),
            ("corrections until", (lock.freeze.observation_until or "")[:19]),
            *((f"branch {branch}", commit[:12]) for branch, commit in done.commits.items()),
        ]
    )
    out.note(f"od bundle files {lock.name}@{lock.version} lists what is in it")


def _source(lock: BundleLock) -> str:
    spec = lock.spec
    return f"{spec.repo} {spec.file} @ {(spec.commit or 'not committed')[:13]}"


def _work(channel: IndexedChannel | None) -> tuple[object, object]:
    return ("", "") if channel is None else (channel.described, channel.reused)


def _show_plan(out: Output, ports: BundlePorts, plan: Plan, force: bool) -> None:
    from dataplatform.bundles.preview import preview_channels

    resolution, compatibility = plan.resolution, plan.compatibility
    for left in resolution.left_out:
        out.warn(f"{left.channel} {left.requested} would be left out: {left.reason}")
    if compatibility is not None and compatibility.verdict != "compatible":
        out.warn(compatibility.sentence)
    _refuse_as_indexing_would(plan)
    previews = preview_channels(ports, plan, force=force)
    for one in previews:
        if one.problem is not None:
            out.warn(f"{one.resolved.channel} {one.resolved.version}: {one.problem}")

    def show() -> None:
        out.line(f"{plan.asked.ref} would lock")
        out.table(
            ["channel", "asked for", "version", "as", "to read", "size", "engine", "because"],
            [_preview_row(one) for one in previews],
        )

    told = _plan_json(plan, previews, compatibility)
    out.result(told, show, [one.channel for one in resolution.resolved])


def _preview_row(one: Preview) -> list[object]:
    resolved, plan = one.resolved, one.plan
    work = ["", "", "", "it is a release"] if one.problem is None else ["?", "?", "?", ""]
    if plan is not None:
        read = human_bytes(plan.read_bytes)
        work = [f"{plan.new + plan.changed:,}", read, plan.engine, plan.engine_reason]
    version, alias = str(resolved.version), resolved.requested_as or ""
    return [resolved.channel, resolved.asked.version, version, alias, *work]


def _refuse_as_indexing_would(plan: Plan) -> None:
    from dataplatform.bundles.compatibility import require_compatible

    require_compatible(plan.compatibility)
    plan.resolution.require_whole()


def _plan_json(
    plan: Plan, previews: Sequence[Preview], compatibility: Compatibility | None
) -> dict[str, Any]:
    return {
        "bundle": str(plan.asked.ref),
        "spec": plan.asked.source.to_json(),
        "dry_run": True,
        "channels": [
            {
                "channel": one.resolved.channel,
                "version": str(one.resolved.version),
                "requested": one.resolved.asked.version,
                "requested_as": one.resolved.requested_as,
                **one.to_json(),
            }
            for one in previews
        ],
        "left_out": [one.to_json() for one in plan.resolution.left_out],
        "compatibility": compatibility.to_json() if compatibility else None,
    }


def to_json(done: IndexedBundle) -> dict[str, Any]:
    """What indexing did, for programs."""
    return {
        "bundle": str(done.lock.ref),
        "revision": done.lock.revision,
        "changed": done.changed,
        "superseded": done.superseded,
        "lock": done.lock.to_json(),
        "indexed": [
            {
                "channel": one.index.channel,
                "version": one.index.version,
                "changed": one.changed,
                "described": one.described,
                "reused": one.reused,
                "removed": one.removed,
                "unread": [
                    {"path": each.file.path, "code": each.code, "reason": each.reason}
                    for each in one.unread
                ],
            }
            for one in done.channels
        ],
        "commits": dict(done.commits),
        "notes": list(done.notes),
        "compatibility": done.compatibility.to_json() if done.compatibility else None,
        "dry_run": False,
    }
