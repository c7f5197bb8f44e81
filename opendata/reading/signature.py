"""What a release's signature says, and whether it holds (requirements S4-48, S4-73…S4-75).

The signature is a DSSE envelope over an in-toto statement. Its subject is the manifest's body
hash and every object; its predicate carries the freeze block. Envelope and keys come from
`securesystemslib`; this module holds the statement that both the signer and the verifier build.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from opendata.wire.digest import canonical_json
from opendata.wire.errors import Denied
from opendata.wire.manifest import Manifest

if TYPE_CHECKING:
    from securesystemslib.signer import Key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_PREDICATE = "https://opendata.dev/predicates/release/v1"
VERDICT_PREDICATE = "https://opendata.dev/predicates/verdict/v1"


class Trusted(StrEnum):
    """What was checked beyond digests."""

    SIGNATURE = "signature"
    DIGESTS_ONLY = "digests"


@dataclass(frozen=True)
class TrustRoot:
    """The public keys that a reader accepts, by key id."""

    keys: dict[str, Key]

    @classmethod
    def from_json(cls, text: str, what: str) -> TrustRoot:
        """Read a trust file: `{"keys": {"<key id>": {"keytype", "scheme", "keyval"}}}`.

        Raises:
            Denied: if the file is no such thing; an unreadable trust root trusts nobody.
        """
        from securesystemslib.signer import Key

        try:
            entries = json.loads(text)["keys"]
            return cls({keyid: Key.from_dict(keyid, dict(key)) for keyid, key in entries.items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Denied(
                f"{what} is no trust file: {error}",
                code="bad_trust_root",
                hint="od key create writes one; it holds the public keys by their ids",
            ) from error


def release_statement(manifest: Manifest, freeze: dict[str, Any], hash_sha256: str) -> bytes:
    """The statement of one frozen release: subject = its body hash and every object."""
    subjects = [
        {"name": f"{manifest.id}@{manifest.release}", "digest": {"sha256": hash_sha256}},
        *({"name": entry.path, "digest": {"sha256": entry.sha256}} for entry in manifest.files),
    ]
    return _statement(subjects, RELEASE_PREDICATE, {"freeze": freeze})


def verdict_statement(verdict: dict[str, Any], candidate: str) -> bytes:
    """The statement of one gate's decision on exactly one candidate."""
    subjects = [{"name": "candidate", "digest": {"sha256": candidate}}]
    return _statement(subjects, VERDICT_PREDICATE, verdict)


def verify_envelope(
    envelope: dict[str, Any] | None, expected_payload: bytes, trust: TrustRoot, what: str
) -> str:
    """Check that a trusted key signed exactly `expected_payload`; returns the key id.

    Raises:
        Denied: if the signature is missing, by an unknown key, wrong, or over other bytes.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    if envelope is None:
        raise Denied(
            f"{what} is not signed, and a trust root is configured",
            code="unsigned",
            hint="ask its publisher to sign it, or unset OPENDATA_TRUST to check digests alone",
        )
    try:
        parsed = Envelope.from_dict(json.loads(json.dumps(envelope)))
        accepted = parsed.verify(list(trust.keys.values()), threshold=1)
    except (VerificationError, ValueError, KeyError, TypeError) as error:
        raise Denied(
            f"no trusted key signed {what}",
            code="untrusted_signature",
            hint="OPENDATA_TRUST names the file of trusted public keys",
        ) from error
    if parsed.payload_type != PAYLOAD_TYPE or parsed.payload != expected_payload:
        raise Denied(f"the signature of {what} is over other contents", code="signature_mismatch")
    return next(iter(accepted))


def verify_release(manifest: Manifest, trust: TrustRoot | None) -> Trusted:
    """Check a release's signature where a trust root is configured, and say what was checked.

    Raises:
        Denied: if a trust root is configured and the signature does not hold.
    """
    if trust is None:
        return Trusted.DIGESTS_ONLY
    expected = release_statement(
        manifest, manifest.freeze.to_json(), manifest.integrity.hash_sha256
    )
    what = f"{manifest.id}@{manifest.release}"
    signed_by = verify_envelope(manifest.integrity.signature, expected, trust, what)
    if signed_by != manifest.integrity.signed_by:
        raise Denied(
            f"{what} is signed by another key than its manifest says", code="signature_mismatch"
        )
    return Trusted.SIGNATURE


def _statement(subjects: list[dict[str, Any]], predicate_type: str, predicate: Any) -> bytes:
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
