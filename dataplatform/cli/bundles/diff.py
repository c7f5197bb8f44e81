"""`od bundle diff`: what is different in another bundle: channels, files, bytes.

Here belong the words of it; the comparison is `bundles.compare`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from dataplatform.bundles.compare import BundleDiff, ChannelDiff
    from dataplatform.bundles.file_join import FileChange, Tally
    from opendata.reading.trust import TrustRoot
    from opendata.stores.port import ObjectReader
    from opendata.wire.bundle import BundleLock

FILES_TOLD = 20
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--files", is_flag=True, help="Name the files that differ.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=FILES_TOLD, show_default=True,
    help="How many of them, of each channel.",
)  # fmt: skip
@with_output
def diff(out: Output, before: str, after: str, files: bool, limit: int) -> None:
    """Compare two bundles: channels and versions, and their files by path and digest.

    A and B are NAME@VERSION, NAME for its newest version, TYPE/NAME-VERSION, or one of these with
    #REVISION behind it.

    \b
    od bundle diff model@v1.0.0-2025.24 model@v1.0.0-2025.25
    od bundle diff weekly/model-v1.0.0-2025.25#1 weekly/model-v1.0.0-2025.25 --files
    """
    from dataplatform.bundles.compare import compare_bundles
    from dataplatform.cli.place import find_settings
    from opendata.stores import open_reader

    settings = find_settings()
    reader = open_reader(settings.store_url, environ=settings.environ)
    trust = settings.trust()
    locks = [_lock(reader, one, trust) for one in (before, after)]
    found = compare_bundles(reader, *locks, examples=limit if files else 0)
    out.result(found.to_json(), lambda: _show(out, found), _names(found))


def _lock(reader: ObjectReader, text: str, trust: TrustRoot | None) -> BundleLock:
    from opendata.reading.bundle_signature import verify_bundle
    from opendata.reading.file_index.bundles import find_bundle, read_bundle
    from opendata.wire.bundle import parse_bundle_ref

    named, _, revision = text.partition("#")
    if revision and not revision.isdecimal():
        raise InvalidInput(f"{text!r}: a revision is a number", hint=f"{named}#1")
    number = int(revision) if revision else None
    if "/" in named:
        found = read_bundle(reader, parse_bundle_ref(named), number)
    else:
        name, _, version = named.partition("@")
        found = find_bundle(reader, name, version or None, revision=number)
    verify_bundle(found.lock, trust, reader)
    return found.lock


def _names(found: BundleDiff) -> list[str]:
    return [one.pair.channel for one in found.channels if one.kind != "same"]


def _show(out: Output, found: BundleDiff) -> None:
    what = f"{_name(found.before)} → {_name(found.after)}"
    if found.is_same:
        out.line(f"✓ {what}: the same files", fg="green")
        return
    out.line(what, bold=True)
    out.table(
        ["channel", "version", "added", "removed", "changed", "told anew"],
        [_row(one) for one in found.channels],
    )
    total = found.total
    told = [
        f"{_SIGNS[kind]}{counted(tally.files, 'file')} ({human_bytes(tally.bytes)})"
        for kind, tally in _tallies(total.added, total.removed, total.changed)
        if tally.files
    ]
    out.line(", ".join(told) or "no file differs")
    for one in found.channels:
        for file in one.files.examples:
            out.line(f"  {_SIGNS[file.kind]} {one.pair.channel} {file.path}{_sizes(file)}")


def _row(one: ChannelDiff) -> list[object]:
    files = one.files
    counts = [_count(tally) for _, tally in _tallies(files.added, files.removed, files.changed)]
    return [one.pair.channel, _versions(one), *counts, files.retold or ""]


def _tallies(*tallies: Tally) -> list[tuple[str, Tally]]:
    return list(zip(_SIGNS, tallies, strict=True))


def _count(tally: Tally) -> str:
    return f"{tally.files:,} ({human_bytes(tally.bytes)})" if tally.files else ""


def _versions(one: ChannelDiff) -> str:
    before = one.pair.before.version if one.pair.before else "–"
    after = one.pair.after.version if one.pair.after else "–"
    return before if before == after else f"{before} → {after}"


def _name(lock: BundleLock) -> str:
    return f"{lock.ref}" + (f"#{lock.revision}" if lock.revision > 1 else "")


def _sizes(file: FileChange) -> str:
    sizes = [one for one in (file.before_bytes, file.after_bytes) if one is not None]
    return f"  {' → '.join(map(human_bytes, sizes))}"
