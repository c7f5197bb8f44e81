"""`od key countersign`: one more key signs releases and bundles that are frozen already.

Here belong the words of it, and telling a bundle's name from a data set's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.cli.targets import named_releases
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataplatform.bundles.countersign import SignedLock
    from dataplatform.releases.countersign import Countersigned
    from dataplatform.releases.ports import ReleasePorts, Signer
    from opendata.reading.resolve import Release
    from opendata.stores.port import ObjectStore
    from opendata.wire.bundle import BundleLock
    from opendata.wire.ids import Reference


@click.command()
@click.argument(
    "reference", required=False, metavar="[NS/NAME[@VERSION]|TYPE/BUNDLE-VERSION[#REVISION]]",
    shell_complete=complete_reference,
)  # fmt: skip
@click.option(
    "--all", "everything", is_flag=True,
    help="All releases of the data set or revisions of the bundle, or of all there are.",
)  # fmt: skip
@click.option(
    "--vouch", is_flag=True, help="Also what no trusted key has signed: you have checked it."
)
@click.option("--dry-run", is_flag=True, help="Say what would be signed.")
@with_output
def countersign(
    out: Output, reference: str | None, everything: bool, vouch: bool, dry_run: bool
) -> None:
    """Sign frozen releases and bundles with the key that signs now, beside who signed them first.

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
    found: list[Countersigned | SignedLock] = []
    if reference is None or _is_bundle(reference):
        found += [
            _sign_lock(ports, ports.signer, lock, vouch=vouch, dry_run=dry_run)
            for lock in _locks(ports.store, reference, everything=everything)
        ]
    if reference is None or not _is_bundle(reference):
        found += [
            _sign(ports, ports.signer, resolve(ports.store, target), vouch=vouch, dry_run=dry_run)
            for target in _releases(ports.store, reference, everything, alone=not found)
        ]
    added = [one.reference for one in found if one.added]

    def show() -> None:
        for one in found:
            state = ("would be signed" if dry_run else "signed") if one.added else "was signed"
            out.line(f"{one.reference}: {state} by {one.key_id[:12]}…")
        out.note(f"{counted(len(added), 'signature')} {'to add' if dry_run else 'added'}")

    out.result([{**asdict(one), "dry_run": dry_run} for one in found], show, added)


def _is_bundle(reference: str) -> bool:
    from opendata.wire.bundle import parse_bundle_ref

    try:
        parse_bundle_ref(reference.partition("#")[0])
    except InvalidInput:
        return False
    return True


def _releases(
    store: ObjectStore, reference: str | None, everything: bool, *, alone: bool
) -> list[Reference]:
    """The releases that are meant; none where a store holds bundles alone."""
    usage = "od key countersign NS/NAME, or od key countersign --all"
    try:
        return list(named_releases(store, reference, everything=everything, usage=usage))
    except NotFound:
        if alone or reference is not None:
            raise
        return []


def _locks(store: ObjectStore, reference: str | None, *, everything: bool) -> Iterator[BundleLock]:
    """The revisions that are meant: the current one, a named one, or all."""
    from dataplatform.bundles.countersign import frozen_locks
    from opendata.reading.file_index.bundles import read_bundle
    from opendata.wire.bundle import parse_bundle_ref

    if reference is None:
        yield from frozen_locks(store) if everything else ()
        return
    named, _, revision = reference.partition("#")
    ref = parse_bundle_ref(named)
    if revision and not revision.isdecimal():
        raise InvalidInput(f"{reference!r}: a revision is a number", hint=f"{named}#1")
    current = read_bundle(store, ref, int(revision) if revision else None).lock
    yield from (one for one in frozen_locks(store) if everything and one.ref == ref)
    if not everything:
        yield current


def _sign_lock(
    ports: ReleasePorts, signer: Signer, lock: BundleLock, *, vouch: bool, dry_run: bool
) -> SignedLock:
    from dataplatform.bundles.countersign import (
        SignedLock,
        countersign_lock,
        needs_signature,
        reference_of,
    )

    if dry_run:
        needed = needs_signature(ports.store, signer, lock)
        return SignedLock(reference_of(lock), signer.key_id, needed)
    return countersign_lock(ports.store, ports.now, signer, lock, vouch=vouch)


def _sign(
    ports: ReleasePorts, signer: Signer, release: Release, *, vouch: bool, dry_run: bool
) -> Countersigned:
    from dataplatform.releases.countersign import Countersigned, countersign, needs_signature

    if dry_run:
        needed = needs_signature(ports.store, signer, release)
        return Countersigned(f"{release.id}@{release.version}", signer.key_id, needed)
    return countersign(ports, signer, release, vouch=vouch)
