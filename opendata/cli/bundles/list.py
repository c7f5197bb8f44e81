"""`od bundle list`: which bundles are published."""

from __future__ import annotations

import click

from opendata.cli.bundles.asking import api_option
from opendata.cli.output import Output, with_output
from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.words import counted, human_bytes


@click.command(name="list")
@click.argument("text", nargs=-1)
@click.option("--type", "kind", type=click.Choice(BUNDLE_TYPES), help="Only bundles of this type.")
@api_option
@with_output
def list_bundles(out: Output, text: tuple[str, ...], kind: str | None, api: str | None) -> None:
    """List the published bundles, newest versions first; with TEXT those whose names have it.

    \b
    od bundle list
    od bundle list model --type weekly
    """
    from opendata.cli.bundles.asking import open_client
    from opendata.reading.file_index.bundles import entry_ref

    with open_client(api) as client:
        known = client.bundles()
    words = [word.casefold() for word in text]
    found = [
        one
        for one in known
        if (kind is None or one.type == kind) and all(word in one.name for word in words)
    ]
    found.sort(key=lambda one: (one.name, one.type))
    found = [
        one
        for name in dict.fromkeys((one.name, one.type) for one in found)
        for one in sorted(
            (one for one in found if (one.name, one.type) == name),
            key=lambda one: entry_ref(one).version,
            reverse=True,
        )
    ]

    def show() -> None:
        if not found:
            out.line("no bundle fits" if known else "no bundle is published here")
            out.note("od bundle list" if known else "od bundle index FILE publishes one")
            return
        out.table(
            ["bundle", "version", "type", "revision", "locked", "channels", "files", "size"],
            [
                [one.name, one.version, one.type, one.revision, one.created_at[:16],
                 len(one.channels), f"{one.total_files:,}", human_bytes(one.total_bytes)]
                for one in found
            ],
        )  # fmt: skip
        out.note(f"{counted(len(found), 'bundle')}; od bundle show {found[0].name} tells more")

    out.result(
        [one.to_json() for one in found], show, (f"{one.name}@{one.version}" for one in found)
    )
