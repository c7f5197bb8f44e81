"""`od key`: the keys that sign releases, and the trust file that says which of them count.

Here belong the words; the private key and the file are `dataplatform.adapters.signing`'s. Private
keys are made, moved aside and never shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataplatform.cli.countersign import countersign
from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from dataplatform.adapters.signing.trust_file import TrustFile
    from opendata.reading.trust import TrustRoot

_PATH = click.Path(dir_okay=False, path_type=Path)
_trust_option = click.option(
    "--trust", "trust_path", type=_PATH,
    help="The trust file; default: OPENDATA_TRUST, else the one beside the key.",
)  # fmt: skip


@click.group()
def key() -> None:
    """Keys: the private one signs, the trust file lets readers check."""


key.add_command(countersign)


@key.command()
@click.argument("path", required=False, type=_PATH)
@click.option("--dataset", "datasets", multiple=True, metavar="NS/*|NS/NAME",
              help="What it may sign; may be given again. Everything by default.")  # fmt: skip
@click.option("--not-after", metavar="INSTANT", help="Signatures after that do not count.")
@with_output
def create(
    out: Output, path: Path | None, datasets: tuple[str, ...], not_after: str | None
) -> None:
    """Make an ed25519 key (only you can read it) and let it join the trust file beside it.

    Without a path: .opendata/keys/signing.pem, outside of version control. An existing key is
    kept, and so are the other keys of the trust file.
    """
    from dataplatform.adapters.signing.ed25519 import create_key
    from dataplatform.adapters.signing.trust_file import TrustFile

    path = (path or _default_folder() / "signing.pem").expanduser().absolute()
    existed = path.exists()
    rules = _rules(datasets, not_after)
    file = TrustFile(path.with_name("trust.json"))
    file.root()  # refused before a key is made that it could not hold
    signer = create_key(path)
    file.add(signer.key_id, signer.public_entry(), rules)
    exports = [f"export OPENDATA_SIGNING_KEY=file:{path}", f"export OPENDATA_TRUST={file.path}"]

    def show() -> None:
        out.good(f"{'kept' if existed else 'made'} {path} (key {signer.key_id[:12]}…)")
        for line in exports:
            out.line(line)
        out.note("give readers the trust file; the key itself never leaves this machine")

    told = {"key": str(path), "trust": str(file.path), "key_id": signer.key_id}
    out.result({**told, "created": not existed}, show, exports)


@key.command("list")
@_trust_option
@with_output
def list_keys(out: Output, trust_path: Path | None) -> None:
    """Show the keys of the trust file: what they may sign, from when to when, and which signs."""
    file = _trust_file(trust_path)
    root, signing = file.root(), _signing_key_id()
    found = [_described(root, keyid, signing) for keyid in root.keys]

    def show() -> None:
        out.table(
            ["key", "state", "valid from", "until", "may sign", "here"],
            [
                [one["key_id"][:12], one["state"], one["not_before"], one["not_after"],
                 ", ".join(one["datasets"]) or "everything", "signs" if one["signs"] else ""]
                for one in found
            ],
        )  # fmt: skip
        if root.threshold > 1:
            out.note(f"{root.threshold} of them must have signed each release")

    document = {"trust": str(file.path), "threshold": root.threshold, "keys": found}
    out.result(document, show, list(root.keys))


@key.command()
@click.argument("path", required=False, type=_PATH)
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@_trust_option
@with_output
def rotate(out: Output, path: Path | None, dry_run: bool, trust_path: Path | None) -> None:
    """Put a new key in the place of the one that signs; what the old one signed stays valid.

    The old key is moved aside, and the trust file says that it is out of use from now on. Give
    readers the new trust file before the next release. A key that somebody else may have: od key
    revoke.
    """
    from dataplatform.adapters.signing.rotation import rotate_key

    path = (path or _signing_path()).expanduser().absolute()
    file = _trust_file(trust_path, beside=path.with_name("trust.json"))
    rotated = rotate_key(path, file, datetime.now(UTC), dry_run=dry_run)

    def show() -> None:
        if dry_run:
            out.line(f"{path} (key {rotated.old[:12]}…) would be moved to {rotated.aside}")
            return
        out.good(f"{path} holds key {rotated.new[:12]}…; {rotated.old[:12]}… is rotated out")
        out.line(f"the old key lies in {rotated.aside}; delete it when nothing needs it")
        out.note(f"give readers {file.path} before the next release")

    out.result({**rotated.to_json(), "dry_run": dry_run}, show, [rotated.new])


@key.command()
@click.argument("key_id", metavar="KEY_ID")
@click.option("--at", metavar="INSTANT", help="Since when, as 2026-01-31T06:00:00Z; default: now.")
@click.option("--reason", type=click.Choice(["compromised", "rotated"]), default="compromised",
              show_default=True, help="rotated: what it signed before stays valid.")  # fmt: skip
@click.option("--note", help="A word for whoever asks later.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@_trust_option
@with_output
def revoke(
    out: Output,
    key_id: str,
    at: str | None,
    reason: str,
    note: str | None,
    dry_run: bool,
    trust_path: Path | None,
) -> None:
    """Say in the trust file that a key is out of use; the beginning of its id will do.

    A compromised key loses every signature, whatever time it names: a thief can write any time.
    Releases that are still good are vouched for anew with od key countersign.
    """
    from opendata.wire.times import format_instant, parse_instant

    file = _trust_file(trust_path)
    whole = file.find(key_id)
    since = parse_instant(at) if at else datetime.now(UTC)
    if not dry_run:
        file.revoke(whole, since, reason, note)

    def show() -> None:
        counts = "what it signed before still counts" if reason == "rotated" else (
            "nothing that it signed counts any more"
        )  # fmt: skip
        verb = "would be" if dry_run else "is"
        out.line(f"{whole[:12]}… {verb} {reason} since {format_instant(since)}: {counts}")
        out.note(f"readers learn of it from the trust file alone: give them {file.path}")

    revoked = {"key_id": whole, "at": format_instant(since), "reason": reason}
    out.result({**revoked, "trust": str(file.path), "dry_run": dry_run}, show, [whole])


def _described(root: TrustRoot, keyid: str, signing: str | None) -> dict[str, Any]:
    from opendata.wire.times import format_instant

    rules = root.rules_of(keyid)
    revoked = rules.revoked
    since = f"{revoked.reason} since {format_instant(revoked.at)}" if revoked else None
    return {
        "key_id": keyid,
        "state": since or "in use",
        "not_before": format_instant(rules.not_before) if rules.not_before else None,
        "not_after": format_instant(rules.not_after) if rules.not_after else None,
        "datasets": list(rules.datasets),
        "note": revoked.note if revoked else None,
        "signs": keyid == signing,
    }


def _rules(datasets: tuple[str, ...], not_after: str | None) -> dict[str, Any]:
    from opendata.wire.times import format_instant, parse_instant

    rules: dict[str, Any] = {"datasets": list(datasets)} if datasets else {}
    if not_after:
        rules["not_after"] = format_instant(parse_instant(not_after))
    return rules


def _default_folder() -> Path:
    from dataplatform.cli.place import find_settings, local_folder

    return local_folder(find_settings()) / "keys"


def _signing_path() -> Path:
    """The file of the key that signs.

    Raises:
        InvalidInput: if the key is in no file, where only its owner can exchange it.
    """
    from dataplatform.cli.place import find_settings

    reference = find_settings().signing_key
    if reference is None:
        return _default_folder() / "signing.pem"
    kind, _, place = reference.partition(":")
    if kind != "file":
        raise InvalidInput(
            f"the signing key is {reference}, not a file that could be exchanged",
            code="key_not_in_file",
            hint="od key create PATH makes the next one; then od key revoke ID --reason rotated",
        )
    return Path(place)


def _signing_key_id() -> str | None:
    from dataplatform.adapters.signing.ed25519 import open_signer
    from dataplatform.cli.place import find_settings
    from opendata.wire.errors import OpenDataError

    settings = find_settings()
    try:
        signer = open_signer(settings.signing_key, settings.environ)
    except OpenDataError:
        return None  # od doctor says what is wrong with it; the list is about the file
    return signer.key_id if signer else None


def _trust_file(path: Path | None, beside: Path | None = None) -> TrustFile:
    """The trust file that is named, else the one that OPENDATA_TRUST names, else `beside`.

    Args:
        beside: Beside a key that is being exchanged; it need not be there yet. By default the one
            in the project's folder of keys.

    Raises:
        NotFound: if it is not there; a named one is never made, since its name may be a typo.
    """
    from dataplatform.adapters.signing.trust_file import TrustFile
    from dataplatform.cli.place import find_settings
    from opendata.wire.errors import NotFound

    configured = find_settings().environ.get("OPENDATA_TRUST")
    named = path or (Path(configured) if configured else None)
    if named is None and beside is not None:
        return TrustFile(beside)
    found = named or _default_folder() / "trust.json"
    if not found.exists():
        raise NotFound(
            f"there is no trust file {found}", code="no_trust_file", hint="od key create"
        )
    return TrustFile(found.absolute())
