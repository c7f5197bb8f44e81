"""`od bundle verify`: hash a bundle's files again and name each that is not what its index says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.errors import Corrupt, Unavailable
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from dataplatform.bundles.watch.verify import BundleVerification


@click.command()
@click.argument("bundle", metavar="NAME[@VERSION]")
@click.option("--type", "kind", type=click.Choice(BUNDLE_TYPES), help="If two types share a name.")
@click.option("--channel", help="Only this channel.")
@click.option("--sample", default="100%", metavar="SHARE", help="How many, such as 5%.")
@with_output
def verify(out: Output, bundle: str, kind: str | None, channel: str | None, sample: str) -> int:
    """Hash a bundle's files again, all or a sample; damage is remembered until it is mended.

    \b
    od bundle verify model
    od bundle verify model@v1.0.0-2025.25 --channel images --sample 5%

    Ends with 6 if a file is damaged or gone, with 7 if some could not be had.
    """
    from dataplatform.bundles.watch.verify import channels_of, verify_bundle
    from dataplatform.cli.bundles.watching import find_trusted_lock, open_site, parse_share

    share = parse_share(sample)
    site = open_site()
    ports, lock = site.ports, find_trusted_lock(site, bundle, kind)
    done = [0, 0]
    total = int(sum(one.total_bytes for one in channels_of(lock, channel)) * share)

    def progress(files: int, size: int) -> None:
        done[0] += files
        done[1] += size

    with out.transfer("hashing", lambda: (done[1], total)):
        found = verify_bundle(
            ports, lock, now=ports.now(), channel=channel, sample=share, progress=progress
        )
    damaged = [one.path for each in found.channels for one in each.damaged]
    out.result(found.to_json(), lambda: _show(out, found), damaged)
    if damaged:
        return Corrupt.exit_code
    return 0 if found.passed else Unavailable.exit_code


def _show(out: Output, found: BundleVerification) -> None:
    for each in found.channels:
        for damage in each.damaged:
            out.line(f"{damage.kind}: {each.channel} {each.version}: {damage.path}", fg="red")
            if damage.reason and damage.kind != "gone":
                out.line(f"    {damage.reason}")
        for path, reason in each.unknown:
            out.line(f"not verified: {each.channel}: {path}: {reason}", fg="yellow")
    what = f"{counted(found.files, 'file')}, {human_bytes(found.bytes)}"
    part = "" if found.sample == 1 else f", a sample of {found.sample:.3g}"
    if found.passed:
        out.line(f"✓ {found.bundle}: {what} verified{part}", fg="green")
        return
    damaged = sum(len(each.damaged) for each in found.channels)
    unknown = sum(len(each.unknown) for each in found.channels)
    out.line(
        f"✗ {found.bundle}: of {what}{part}, {damaged:,} damaged or gone, {unknown:,} not verified",
        fg="red",
    )
    if damaged:
        name, _, version = found.bundle.partition("/")[2].partition("-v")
        out.note(f"od bundle repair {name}@v{version} plans what repairs them")
