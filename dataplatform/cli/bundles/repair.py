"""`od bundle repair`: what would mend a bundle, and with --apply the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.errors import Rejected
from opendata.wire.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataplatform.bundles.watch.mend import Mended
    from dataplatform.bundles.watch.repair import Cannot, Plan
    from dataplatform.releases.findings import Finding

PATHS_SHOWN = 5
_WORDS = {
    "rehash": "hash again",
    "refetch": "fetch again",
    "relist": "list and index anew",
}


@click.command()
@click.argument("bundle", metavar="NAME[@VERSION]")
@click.option("--type", "kind", type=click.Choice(BUNDLE_TYPES), help="If two types share a name.")
@click.option("--channel", help="Only this channel.")
@click.option("--apply", "applies", is_flag=True, help="Do what the plan says.")
@with_output
def repair(out: Output, bundle: str, kind: str | None, channel: str | None, applies: bool) -> int:
    """Plan what mends a bundle: hash again what changed, fetch again what is lost or damaged from
    the channel's mirrors, index anew what arrived late, make again the documents that show it, here
    and in the index repository. Does it with --apply.

    \b
    od bundle repair model@v1.0.0-2025.25
    od bundle repair model@v1.0.0-2025.25 --channel images --apply

    A file is only ever replaced by the bytes that are locked. Ends with 6 if something cannot be
    repaired.
    """
    from dataplatform.bundles.settle import find_unsettled, settle
    from dataplatform.bundles.watch.mend import Mended, apply_repair
    from dataplatform.bundles.watch.repair import plan_repair
    from dataplatform.cli.bundles.watching import find_trusted_lock, open_site

    site = open_site()
    lock = find_trusted_lock(site, bundle, kind)
    now = site.ports.now()
    with out.steps() as step:
        step("measuring")
        plan = plan_repair(site.ports, lock, now=now, channel=channel, monitoring=site.monitoring)
        copies = find_unsettled(site.ports, lock.ref)
    mended = Mended(cannot=list(plan.cannot))
    if applies:
        count = sum(max(1, len(one.files)) for one in plan.actions)
        with out.progress("repairing", count) as advance:
            mended = apply_repair(site.ports, plan, now=now, tell=advance)
        copies = [*copies, *settle(site.ports, copies)]

    def show() -> None:
        if plan.is_empty and not copies:
            out.line(f"✓ nothing to repair in {plan.bundle}", fg="green")
        elif applies:
            _show_done(out, mended)
        else:
            _show_plan(out, plan)
        _show_copies(out, copies, applies)
        _show_cannot(out, [*mended.cannot, *mended.failed], applies)
        if not applies and (plan.actions or any(one.repairable for one in copies)):
            out.note("nothing was changed; --apply does it")

    told = {
        **plan.to_json(),
        "applied": applies,
        **mended.to_json(),
        "copies": [one.to_json() for one in copies],
    }
    names = [one.wanted.path for action in plan.actions for one in action.files]
    out.result(told, show, names)
    lasting = mended.cannot or mended.failed or any(not one.repairable for one in copies)
    return Rejected.exit_code if lasting else 0


def _show_plan(out: Output, plan: Plan) -> None:
    for action in plan.actions:
        of = f"{action.locked.channel} {action.locked.version}"
        out.line(f"{_WORDS[action.kind]}: {of}: {action.reason}", fg="yellow")
        for one in action.files[:PATHS_SHOWN]:
            source = f" from {one.mirrors[0]}" if one.mirrors else ""
            out.line(f"    {one.wanted.path}{source}")
        if len(action.files) > PATHS_SHOWN:
            out.line(f"    and {len(action.files) - PATHS_SHOWN:,} more; --json names them")


def _show_done(out: Output, mended: Mended) -> None:
    for count, what in (
        (len(mended.verified), "was sound after all"),
        (len(mended.fetched), "fetched again and verified"),
    ):
        if count:
            out.line(f"✓ {counted(count, 'file')} {what}", fg="green")
    for channel in mended.relisted:
        out.line(f"✓ {channel} is indexed anew", fg="green")
    if mended.next_command:
        out.note(f"{mended.next_command} locks the new index")


def _show_copies(out: Output, copies: Iterable[Finding], applied: bool) -> None:
    for one in copies:
        if not one.repairable:
            out.line(f"cannot be repaired: {one.object}: {one.problem}", fg="red")
        elif applied:
            out.line(f"✓ {one.object} is made again", fg="green")
        else:
            out.line(f"make again: {one.object}: {one.problem}", fg="yellow")


def _show_cannot(out: Output, cannot: Iterable[Cannot], applied: bool) -> None:
    for one in cannot:
        unless = "" if applied or not one.unless_sound else ", unless it is sound by now"
        out.line(f"cannot be repaired{unless}: {one.channel}: {one.what}", fg="red")
        out.line(f"    why:  {one.why}")
        out.line(f"    hint: {one.hint}")
