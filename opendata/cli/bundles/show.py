"""`od bundle show`: what a bundle locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opendata.cli.bundles.asking import bundle_argument, which_options
from opendata.cli.output import Output, with_output
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata._index_client.bundle import Bundle
    from opendata.wire.bundle import LockedChannel


@click.command()
@bundle_argument
@which_options
@with_output
def show(out: Output, bundle: str, type: str | None, revision: int | None, api: str | None) -> None:
    """Show a bundle: its channels at their versions, how many files, and where it comes from.

    \b
    od bundle show foundational_model
    od bundle show foundational_model@v1.0.0-2025.25 --json
    """
    from opendata.cli.bundles.asking import find, open_client

    with open_client(api) as client:
        found = find(client, bundle, type, revision)
    out.result(found.to_dict(), lambda: _tell(out, found), found.channels)


def _tell(out: Output, bundle: Bundle) -> None:
    lock = bundle.lock
    out.line(f"{lock.name} {lock.version}", bold=True)
    out.facts(
        [
            ("type", lock.type),
            ("revision", lock.revision),
            ("locked", lock.created_at[:19].replace("T", " ")),
            ("files", f"{lock.total_files:,}"),
            ("size", human_bytes(lock.total_bytes)),
            (
                "spec",
                f"{lock.spec.repo} {lock.spec.file} @ {(lock.spec.commit or 'no commit')[:12]}",
            ),
            ("lock", f"sha256:{bundle.found.lock_sha256}"),
            ("signed by", lock.integrity.signed_by or "nobody"),
            ("freeze", _freeze(bundle)),
        ]
    )
    out.line()
    out.table(
        ["channel", "version", "asked for", "from", "to", "files", "size"],
        [_row(one) for one in lock.channels],
    )
    for one in lock.left_out:
        out.note(f"{one.channel} {one.requested} was left out: {one.reason}")
    if lock.channels:
        first = lock.channels[0].channel
        out.note(
            f"{counted(len(lock.channels), 'channel')}; "
            f"od bundle files {lock.name}@{lock.version} --channel {first} lists files"
        )


def _freeze(bundle: Bundle) -> str:
    freeze = bundle.lock.freeze
    until = freeze.observation_until
    return f"{freeze.mode}, may be corrected until {until[:16]}" if until else freeze.mode


def _row(one: LockedChannel) -> list[object]:
    asked = f"{one.requested} as {one.requested_as}" if one.requested_as else one.requested
    return [
        one.channel,
        one.version,
        asked,
        (one.data_range.start_time or "")[:19],
        (one.data_range.end_time or "")[:19],
        f"{one.file_count:,}",
        human_bytes(one.total_bytes),
    ]
