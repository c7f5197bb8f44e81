"""Countersign: a further key signs a release that is frozen already.

A frozen manifest is never rewritten, so the signature is an object beside it, put if absent. It
keeps a release valid after the key that signed it first was found compromised, and is how a second
person signs where the trust file asks for more than one key.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplatform.releases.objects import JSON
from dataplatform.releases.ports import ReleasePorts, Signer
from opendata.reading.resolve import Release
from opendata.reading.signature import (
    Countersignature,
    countersigned_statement,
    verify_envelope,
    verify_release,
)
from opendata.reading.trust import TrustRoot
from opendata.stores.port import AlreadyExists, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import read_wire
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.times import format_instant


@dataclass(frozen=True)
class Countersigned:
    """What was done for one release; `added` is False where this key had signed it before."""

    reference: str
    key_id: str
    added: bool


def countersign(
    ports: ReleasePorts, signer: Signer, release: Release, *, vouch: bool = False
) -> Countersigned:
    """Sign a frozen release with one more key.

    Args:
        vouch: Sign although no trusted key vouches for it yet (its key is compromised, or it was
            never signed): whoever asks for that has compared it with a copy they trust.

    Raises:
        Denied: if no trusted key vouches for it and `vouch` is not said.
    """
    reference = f"{release.id}@{release.version}"
    if needs_signature(ports.store, signer, release):
        if not vouch:
            _require_trusted(signer.trust(), ports.store, release)
        _add(ports, signer, release)
        return Countersigned(reference, signer.key_id, True)
    return Countersigned(reference, signer.key_id, False)


def needs_signature(store: ObjectStore, signer: Signer, release: Release) -> bool:
    """Whether this key has not signed that release yet, neither first nor afterwards."""
    if release.manifest.integrity.signed_by == signer.key_id:
        return False
    key = keys.countersignature_key(release.id, release.version, signer.key_id)
    try:
        data = store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
        found = read_wire(Countersignature, data, key)
        statement = countersigned_statement(release.manifest, found.signed_at)
        verify_envelope(found.signature, statement, signer.trust(), key)
    except (NotFound, Corrupt, Denied):
        return True
    return False


def _require_trusted(trust: TrustRoot, store: ObjectStore, release: Release) -> None:
    try:
        verify_release(release.manifest, trust, store, threshold=1)
    except Denied as denied:
        raise Denied(
            f"{denied.message}; signing it would say that it is genuine",
            code="not_vouched_for",
            hint="compare it with a copy that you trust, then say --vouch",
            details=denied.details,
        ) from denied


def _add(ports: ReleasePorts, signer: Signer, release: Release) -> None:
    signed_at = format_instant(ports.now())
    document = Countersignature(
        signature=signer.sign(countersigned_statement(release.manifest, signed_at)),
        signed_by=signer.key_id,
        signed_at=signed_at,
    ).to_bytes()
    key = keys.countersignature_key(release.id, release.version, signer.key_id)
    try:
        ports.store.put_new(key, document, content_type=JSON)
    except AlreadyExists:
        # Either our own of a moment ago, or bytes that were seen to be no signature of this key.
        if needs_signature(ports.store, signer, release):
            ports.store.put(key, document, content_type=JSON)
