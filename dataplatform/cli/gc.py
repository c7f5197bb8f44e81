"""`od gc`: what lies in the store and is needed by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from datetime import datetime

    from dataplatform.bundles.leftovers import Leftovers
    from dataplatform.releases.collecting.explain import Explanation
    from dataplatform.releases.collecting.look import Look, Rules
    from dataplatform.releases.collecting.sweep import Collection
    from dataplatform.releases.ports import ReleasePorts

KEYS_SHOWN = 10


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go; this is the default.")
@click.option("--apply", is_flag=True, help="Mark, and remove what was marked hours before.")
@click.option(
    "--force", is_flag=True, help="With --apply: let more than a tenth of the store go at once."
)
@click.option("--explain", metavar="KEY", help="Say who needs an object; a key or a digest.")
@with_output
def gc(out: Output, dry_run: bool, apply: bool, force: bool, explain: str | None) -> None:
    """Remove objects that no release, candidate or other document names, and what an interrupted
    indexing of a channel put aside more than a week ago.

    Nothing goes that is younger than a day, and nothing at the first time: an object has to be
    found unneeded twice, four hours apart.

    \b
    od gc                        what would go; writes nothing
    od gc --apply                mark; the second time, remove what both marks name
    od gc --explain objects/…    who needs it
    """
    from dataplatform.bundles.leftovers import drop_leftovers, find_leftovers
    from dataplatform.cli.place import find_settings, require_store
    from dataplatform.releases.collecting.look import STEPS, Rules, roots_of
    from dataplatform.releases.collecting.mark import look_only, newest_mark_at
    from dataplatform.releases.collecting.sweep import collect
    from dataplatform.wiring import from_settings

    _require_sense(dry_run=dry_run, apply=apply, force=force, explain=explain)
    ports, rules = from_settings(find_settings()).ports, Rules()
    require_store(ports.store)
    if explain:
        _explain(out, ports, explain, rules)
        return
    roots = roots_of(ports)
    with out.progress("looking", STEPS) as advance:
        if apply:
            done = collect(ports, roots, rules, force=force, advance=advance)
        else:
            found = look_only(ports, roots, rules, advance)
    left = find_leftovers(ports.store, ports.now())
    if apply:
        drop_leftovers(ports.store, left)
        out.result(
            {"applied": True, **done.to_json(), "abandoned_segments": list(left.segments)},
            lambda: _show_done(out, done, left, rules),
            done.to_json()["removed"]["keys"],
        )
        return
    marked_at = newest_mark_at(ports)
    out.result(
        {"applied": False, **found.to_json(), "abandoned_segments": list(left.segments)},
        lambda: _show_look(out, found, left, marked_at, rules),
        (one["key"] for one in found.to_json()["due"]),
    )


def _require_sense(*, dry_run: bool, apply: bool, force: bool, explain: str | None) -> None:
    if apply and (dry_run or explain):
        other = "--dry-run" if dry_run else "--explain"
        raise InvalidInput(f"--apply and {other} exclude each other", code="usage", hint="od gc")
    if force and not apply:
        raise InvalidInput(
            "--force goes with --apply", code="usage", hint="od gc says what would go"
        )


def _explain(out: Output, ports: ReleasePorts, named: str, rules: Rules) -> None:
    from dataplatform.releases.collecting.explain import explain_object

    with out.steps() as begin:
        begin("reading what is needed")
        told = explain_object(ports, named, rules)
    out.result(told.to_json(), lambda: _show_explanation(out, told), told.named_by)


def _show_explanation(out: Output, told: Explanation) -> None:
    size = human_bytes(told.size_bytes) if told.size_bytes is not None else "there is none"
    out.line(f"{told.key} ({size})")
    for document in told.named_by:
        out.line(f"    named by {document}")
    if told.named_by:
        return
    if told.old_from is None:
        out.line("    named by nobody")
    else:
        out.line(f"    named by nobody; it may be marked from {_moment(told.old_from)} on")


def _show_look(
    out: Output, found: Look, left: Leftovers, marked_at: datetime | None, rules: Rules
) -> None:
    _show_counts(out, found)
    _show_left(out, left, "to go:")
    if found.due:
        _show_keys(out, [one.digest for one in found.due])
        out.note("nothing was changed; od gc --apply removes what is due")
    elif not found.unmarked and left.segments:
        out.note("nothing was changed; od gc --apply removes them")
    elif not found.unmarked:
        out.line("✓ nothing is left over", fg="green")
    elif marked_at is None:
        out.note("nothing was changed; od gc --apply marks what nobody needs")
    else:
        out.note(
            f"nothing was changed; the last mark was made {_moment(marked_at)}, and od gc --apply "
            f"compares with it from {_moment(marked_at + rules.interval)} on"
        )


def _show_done(out: Output, done: Collection, left: Leftovers, rules: Rules) -> None:
    _show_counts(out, done.look)
    _show_left(out, left, "removed")
    gone = done.removed_tally
    if gone.objects:
        what = f"{counted(gone.objects, 'object')}, {human_bytes(gone.size_bytes)}"
        out.line(f"✓ removed {what}", fg="green")
    else:
        out.line("✓ removed nothing", fg="green")
    if done.kept:
        out.note(f"{counted(done.kept, 'object')} turned out to be needed after all, or to be gone")
    if done.look.unmarked:
        out.note(
            f"marked {counted(len(done.look.unmarked), 'object')}: od gc --apply removes them from "
            f"{_moment(done.look.at + rules.interval)} on, if nobody needs them by then"
        )


def _show_left(out: Output, left: Leftovers, word: str) -> None:
    if left.segments:
        what = counted(len(left.segments), "abandoned segment")
        out.line(f"{word} {what} of interrupted indexing, {human_bytes(left.size_bytes)}")


def _show_counts(out: Output, found: Look) -> None:
    from dataplatform.releases.collecting.look import Standing

    about = {
        Standing.NAMED: "needed: a document names them",
        Standing.YOUNG: "not named, younger than a day",
        Standing.UNMARKED: "not named, to be marked",
        Standing.DUE: "not named, and marked before: due",
    }
    rows = [
        [about[standing], f"{tally.objects:,}", human_bytes(tally.size_bytes)]
        for standing, tally in found.tallies.items()
    ]
    out.table(["objects", "count", "size"], rows)


def _show_keys(out: Output, digests: list[str]) -> None:
    from opendata.wire import keys

    for digest in digests[:KEYS_SHOWN]:
        out.line(f"    {keys.object_key(digest)}")
    if len(digests) > KEYS_SHOWN:
        out.line(f"    … and {len(digests) - KEYS_SHOWN:,} more (--json lists them)")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
