"""What a release's signature says, and whether it holds (requirements S4-48, S4-73…S4-75).

The signature is a DSSE envelope over an in-toto statement. Its subjects are the manifest's body
hash and every object that the manifest names; its predicate carries the freeze block and the time
of signing. Envelope and keys come from `securesystemslib`; this module holds the statements that
both the signer and the verifier build. Which keys count, and when, stands in `trust`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from opendata.reading.trust import TrustRoot
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.digest import canonical_json, is_digest
from opendata.wire.errors import Corrupt, Denied, InvalidInput, NotFound, Unavailable
from opendata.wire.ids import parse_dataset_id
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import Manifest, named_objects
from opendata.wire.times import parse_instant
from opendata.wire.version import parse_version

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_PREDICATE_V1 = "https://opendata.dev/predicates/release/v1"
RELEASE_PREDICATE = "https://opendata.dev/predicates/release/v2"
VERDICT_PREDICATE = "https://opendata.dev/predicates/verdict/v1"
CURABLE = frozenset({"unsigned", "untrusted_signature", "key_not_accepted"})
"""What a countersignature makes good: the contents are not in doubt, only who vouches for them."""


class Trusted(StrEnum):
    """What was checked beyond digests."""

    SIGNATURE = "signature"
    DIGESTS_ONLY = "digests"


class Countersignature(Wire):
    """A signature that came after the release was frozen, by another key; put-if-absent.

    `signature` is the DSSE envelope of the same statement as the release's own, but for its time.
    """

    signature: dict[str, Any]
    signed_by: str
    signed_at: str
    format: str = "opendata-countersignature/1"


decoder_of(Countersignature)


def release_statement(
    manifest: Manifest, freeze: dict[str, Any], hash_sha256: str, signed_at: str | None
) -> bytes:
    """The statement of one frozen release: its body's hash, and every object that it names.

    Each subject can be checked against the envelope alone, by tools that know nothing of manifests.
    Objects stand in the order of their keys.
    """
    objects = {entry.path: entry.sha256 for entry in manifest.files}
    for key in (*(entry.chunks for entry in manifest.files), *named_objects(manifest)):
        objects.setdefault(key, keys.digest_of_object_key(key))
    subjects = [
        _release_subject(manifest, hash_sha256),
        *(_subject(*one) for one in sorted(objects.items())),
    ]
    return _statement(subjects, RELEASE_PREDICATE, {"freeze": freeze, "signed_at": signed_at})


def release_statement_v1(manifest: Manifest, freeze: dict[str, Any], hash_sha256: str) -> bytes:
    """The statement of releases that were signed before all objects were subjects."""
    files = [_subject(entry.path, entry.sha256) for entry in manifest.files]
    subjects = [_release_subject(manifest, hash_sha256), *files]
    return _statement(subjects, RELEASE_PREDICATE_V1, {"freeze": freeze})


def verdict_statement(verdict: dict[str, Any], candidate: str) -> bytes:
    """The statement of one gate's decision on exactly one candidate."""
    subjects = [{"name": "candidate", "digest": {"sha256": candidate}}]
    return _statement(subjects, VERDICT_PREDICATE, verdict)


def verify_envelope(
    envelope: dict[str, Any] | None, expected: bytes | Sequence[bytes], trust: TrustRoot, what: str
) -> str:
    """Check that a trusted key signed exactly the expected payload, or one of them.

    Returns the key's id. Whether that key may sign this is `require_accepted`'s to say.

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
    payloads = [expected] if isinstance(expected, bytes) else expected
    if parsed.payload_type != PAYLOAD_TYPE or parsed.payload not in payloads:
        raise Denied(f"the signature of {what} is over other contents", code="signature_mismatch")
    return next(iter(accepted))


def require_accepted(
    trust: TrustRoot, keyid: str, dataset: str, signed_at: str | None, what: str
) -> None:
    """See that a trusted key may sign this, as of the time that its signature claims.

    Raises:
        Denied: if the key was not valid then, is for other data sets, or was revoked.
    """
    objection = trust.rules_of(keyid).objection(dataset, _instant(signed_at, what))
    if objection is not None:
        raise Denied(
            f"the signature of {what} does not count: the key {keyid[:12]}… {objection}",
            code="key_not_accepted",
            hint="od key list shows what the trust file says; od key countersign vouches anew",
            details={"key_id": keyid},
        )


def verify_release(
    manifest: Manifest,
    trust: TrustRoot | None,
    reader: ObjectReader | None = None,
    *,
    threshold: int | None = None,
) -> Trusted:
    """Check a release's signature where a trust root is configured, and say what was checked.

    Args:
        reader: Where countersignatures are looked for if the release's own is not enough; without
            one only its own counts.
        threshold: How many keys must have signed, in place of what the trust root asks for.

    Raises:
        Denied: if a trust root is configured and too few of its keys have signed.
    """
    if trust is None:
        return Trusted.DIGESTS_ONLY
    needed = trust.threshold if threshold is None else threshold
    signers: set[str] = set()
    problem: Denied | None = None
    try:
        signers.add(_own_signer(manifest, trust))
    except Denied as denied:
        if denied.code not in CURABLE:
            raise
        problem = denied
    unknown: Unavailable | None = None
    if len(signers) < needed and reader is not None:
        more, unknown = _countersigners(manifest, trust, reader)
        signers |= more
    signers = trust.distinct(signers)
    if len(signers) >= needed:
        return Trusted.SIGNATURE
    if unknown is not None:
        raise unknown  # perhaps there are enough: nobody could say
    raise problem if problem is not None and not signers else _too_few(manifest, signers, needed)


def _own_signer(manifest: Manifest, trust: TrustRoot) -> str:
    integrity, freeze = manifest.integrity, manifest.freeze.to_json()
    hashed, what = integrity.hash_sha256, f"{manifest.id}@{manifest.release}"
    statements = [release_statement(manifest, freeze, hashed, integrity.signed_at)]
    is_newer = any(getattr(manifest, name) for name in manifest.ADDED_LATER)
    if not is_newer:  # what says such things was never signed by the former statement
        statements.append(release_statement_v1(manifest, freeze, hashed))
    keyid = verify_envelope(integrity.signature, statements, trust, what)
    if keyid != integrity.signed_by:
        raise Denied(
            f"{what} is signed by another key than its manifest says", code="signature_mismatch"
        )
    # Signed when it was frozen, and that time stands in both forms of the statement.
    require_accepted(trust, keyid, manifest.id, manifest.freeze.frozen_at, what)
    return keyid


def _countersigners(
    manifest: Manifest, trust: TrustRoot, reader: ObjectReader
) -> tuple[set[str], Unavailable | None]:
    """The trusted keys that have signed this release after it was frozen, as far as can be seen.

    They are asked for by name: a public address lists nothing. Keys that could not count anyway
    are not asked for.
    """
    frozen_at = _instant(manifest.freeze.frozen_at, manifest.id)
    asked = [
        keyid
        for keyid in trust.keys
        if is_digest(keyid) and trust.rules_of(keyid).may_still_sign(manifest.id, frozen_at)
    ]
    found = in_parallel(lambda keyid: _countersigned(manifest, trust, reader, keyid), asked)
    answers = dict(zip(asked, found, strict=True))
    silent = next((each for each in answers.values() if isinstance(each, Unavailable)), None)
    return {keyid for keyid, holds in answers.items() if holds is True}, silent


def _countersigned(
    manifest: Manifest, trust: TrustRoot, reader: ObjectReader, keyid: str
) -> bool | Unavailable:
    dataset, version = parse_dataset_id(manifest.id), parse_version(manifest.release)
    key = keys.countersignature_key(dataset, version, keyid)
    try:
        data = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
        found = read_wire(Countersignature, data, key)
        statement = countersigned_statement(manifest, found.signed_at)
        signed_by = verify_envelope(found.signature, statement, trust, key)
        require_accepted(trust, signed_by, manifest.id, found.signed_at, key)
    except (NotFound, Denied, Corrupt):
        return False
    except Unavailable as silent:
        return silent
    return signed_by == keyid


def countersigned_statement(manifest: Manifest, signed_at: str) -> bytes:
    """What a further key signs of a frozen release."""
    freeze = manifest.freeze.to_json()
    return release_statement(manifest, freeze, manifest.integrity.hash_sha256, signed_at)


def _instant(text: str | None, what: str) -> datetime:
    try:
        return parse_instant(text or "")
    except InvalidInput as error:
        raise Denied(f"the signature of {what} has no time", code="signature_mismatch") from error


def _too_few(manifest: Manifest, signers: set[str], needed: int) -> Denied:
    what = f"{manifest.id}@{manifest.release}"
    named = ", ".join(f"{keyid[:12]}…" for keyid in sorted(signers))
    return Denied(
        f"{needed} trusted keys must have signed {what}, and {len(signers)} did: {named}",
        code="too_few_signatures",
        hint=f"od key countersign {what}, with another trusted key",
    )


def _release_subject(manifest: Manifest, hash_sha256: str) -> dict[str, Any]:
    return _subject(f"{manifest.id}@{manifest.release}", hash_sha256)


def _subject(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _statement(subjects: list[dict[str, Any]], predicate_type: str, predicate: Any) -> bytes:
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
