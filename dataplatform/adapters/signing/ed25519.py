"""ed25519 signatures in DSSE envelopes, by securesystemslib.

Keys come by reference only (`env:NAME` with the PEM text, `file:PATH` with rights 0600), never from
YAML, and never reach a log. The signing library loads with the first key: it brings every kind of
signer along, and most runs here have no key.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opendata.reading.signature import PAYLOAD_TYPE
from opendata.reading.trust import Reason, TrustRoot
from opendata.wire.errors import Denied

KEY_HINT = "OPENDATA_SIGNING_KEY is env:NAME or file:PATH of an ed25519 private key in PEM"


class Ed25519Signer:
    """Signs with one private key that lives in this object and nowhere else.

    Args:
        trusted: Keys that count beside this one: former ones, and those of other publishers.
    """

    def __init__(self, key: Ed25519PrivateKey, trusted: TrustRoot | None = None) -> None:
        from securesystemslib.signer import CryptoSigner

        self._signer = CryptoSigner(key)
        self._trusted = trusted or TrustRoot({})

    @property
    def key_id(self) -> str:
        """The key's id, as it stands in `integrity.signed_by` and in the trust file."""
        return str(self._signer.public_key.keyid)

    def sign(self, payload: bytes) -> dict[str, Any]:
        """A DSSE envelope over an in-toto statement."""
        from securesystemslib.dsse import Envelope

        envelope = Envelope(payload, PAYLOAD_TYPE, {})
        envelope.sign(self._signer)
        document: dict[str, Any] = envelope.to_dict()
        return document

    def trust(self) -> TrustRoot:
        """The trust root that accepts this key, and the others that were given."""
        return self._trusted.with_key(self.key_id, self._signer.public_key)

    def public_entry(self) -> dict[str, Any]:
        """The public key as it stands in a trust file."""
        entry: dict[str, Any] = self._signer.public_key.to_dict()
        return entry

    def trust_file(self) -> str:
        """The text of a trust file with this key alone, for `OPENDATA_TRUST`."""
        return json.dumps({"keys": {self.key_id: self.public_entry()}}, indent=2) + "\n"


def open_signer(
    reference: str | None, environ: Mapping[str, str], trusted: TrustRoot | None = None
) -> Ed25519Signer | None:
    """The signer that a key reference names; None without a reference.

    Raises:
        Denied: if the key is missing, readable by others, no ed25519 key, or out of use by what
            the trust file says: nobody who has that file would accept what it signs.
    """
    if not reference:
        return None
    signer = Ed25519Signer(_private_key(reference, environ), trusted)
    revoked = trusted.rules_of(signer.key_id).revoked if trusted else None
    if revoked is not None:
        what = "compromised" if revoked.reason is Reason.COMPROMISED else "rotated out"
        raise Denied(
            f"the signing key {signer.key_id[:12]}… is {what}, says the trust file",
            code="key_not_accepted",
            hint="set OPENDATA_SIGNING_KEY to the key that follows it; od key create makes one",
        )
    return signer


def _private_key(reference: str, environ: Mapping[str, str]) -> Ed25519PrivateKey:
    kind, _, place = reference.partition(":")
    if kind == "env" and place:
        if place not in environ:
            raise Denied(f"the signing key's variable {place} is not set", hint=KEY_HINT)
        return _parse(environ[place].encode(), f"the variable {place}")
    if kind == "file" and place:
        return _parse(_read_private(Path(place)), place)
    raise Denied("the signing key reference is malformed", code="bad_key_reference", hint=KEY_HINT)


def create_key(path: Path) -> Ed25519Signer:
    """Make a key in a new file with rights 0600; an existing one is opened instead."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
    return Ed25519Signer(_parse(_read_private(path), str(path)))


def _read_private(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Denied(
                f"the signing key {path} can be read by others",
                code="key_rights",
                hint=f"chmod 600 {path}",
            )
        return path.read_bytes()
    except OSError as error:
        raise Denied(
            f"the signing key {path} cannot be read: {error.strerror}", hint=KEY_HINT
        ) from error


def _parse(pem: bytes, what: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise Denied(f"{what} holds no private key in PEM", hint=KEY_HINT) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Denied(f"{what} holds a {type(key).__name__}, not an ed25519 key", hint=KEY_HINT)
    return key
