"""`od key`: the key that signs releases."""

from __future__ import annotations

from pathlib import Path

import click

from opendata.cli.output import Output, with_output


@click.group()
def key() -> None:
    """Keys: the private one signs, the trust file lets readers check."""


@key.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
@with_output
def create(out: Output, path: Path | None) -> None:
    """Make an ed25519 key (only you can read it) and a trust file; an existing key is kept.

    Without a path: .opendata/keys/signing.pem, outside of version control.
    """
    from dataplatform.adapters.signing.ed25519 import create_key
    from dataplatform.cli.place import find_settings, local_folder

    if path is None:
        path = local_folder(find_settings()) / "keys" / "signing.pem"
    path = path.expanduser().absolute()
    existed = path.exists()
    signer = create_key(path)
    trust = path.with_name("trust.json")
    if not trust.exists() or not existed:
        trust.write_text(signer.trust_file(), encoding="utf-8")
    exports = [f"export OPENDATA_SIGNING_KEY=file:{path}", f"export OPENDATA_TRUST={trust}"]

    def show() -> None:
        out.good(f"{'kept' if existed else 'made'} {path} (key {signer.key_id[:12]}…)")
        for line in exports:
            out.line(line)
        out.note("give readers the trust file; the key itself never leaves this machine")

    out.result(
        {"key": str(path), "trust": str(trust), "key_id": signer.key_id, "created": not existed},
        show,
        exports,
    )
