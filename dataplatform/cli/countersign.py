"""`od key countersign`: one more key signs releases that are frozen already."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.cli.targets import named_releases
from opendata.wire.errors import InvalidInput
from opendata.wire.words import counted

if TYPE_CHECKING:
    from dataplatform.releases.countersign import Countersigned
    from dataplatform.releases.ports import ReleasePorts, Signer
    from opendata.reading.resolve import Release


@click.command()
@click.argument(
    "reference", required=False, metavar="[NS/NAME[@VERSION]]", shell_complete=complete_reference
)
@click.option("--all", "everything", is_flag=True,
              help="All releases: of the data set, or of every data set in the store.")  # fmt: skip
@click.option(
    "--vouch", is_flag=True, help="Also what no trusted key has signed: you have checked it."
)
@click.option("--dry-run", is_flag=True, help="Say what would be signed.")
@with_output
def countersign(
    out: Output, reference: str | None, everything: bool, vouch: bool, dry_run: bool
) -> None:
    """Sign frozen releases with the key that signs now, beside whoever signed them first.

    Nothing frozen is rewritten: the signature is an object of its own. Do so before a former key
    leaves the trust file, after one was compromised, or as the second of two who must sign.
    """
    from dataplatform.cli.place import find_settings
    from dataplatform.wiring import from_settings
    from opendata.reading.resolve import resolve

    ports = from_settings(find_settings()).ports
    if ports.signer is None:
        raise InvalidInput(
            "no signing key is set", code="no_key", hint="OPENDATA_SIGNING_KEY; od key create"
        )
    usage = "od key countersign NS/NAME, or od key countersign --all"
    targets = list(named_releases(ports.store, reference, everything=everything, usage=usage))
    found = [
        _sign(ports, ports.signer, resolve(ports.store, target), vouch=vouch, dry_run=dry_run)
        for target in targets
    ]
    added = [one.reference for one in found if one.added]

    def show() -> None:
        for one in found:
            state = ("would be signed" if dry_run else "signed") if one.added else "was signed"
            out.line(f"{one.reference}: {state} by {one.key_id[:12]}…")
        out.note(f"{counted(len(added), 'signature')} {'to add' if dry_run else 'added'}")

    out.result([{**asdict(one), "dry_run": dry_run} for one in found], show, added)


def _sign(
    ports: ReleasePorts, signer: Signer, release: Release, *, vouch: bool, dry_run: bool
) -> Countersigned:
    from dataplatform.releases.countersign import Countersigned, countersign, needs_signature

    if dry_run:
        needed = needs_signature(ports.store, signer, release)
        return Countersigned(f"{release.id}@{release.version}", signer.key_id, needed)
    return countersign(ports, signer, release, vouch=vouch)
