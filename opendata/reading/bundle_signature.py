"""What a bundle's signature says, and whether it holds.

The signature is made as a release's (see `signature`): a DSSE envelope over an in-toto statement.
Its subjects are the hash of the lock's body and every index that it pins, so that each can be
checked against the envelope alone; its predicate carries the freeze block and the time of signing.
Which keys count, and when, stands in `trust`: the rules of a key name bundles as
`bundle:<type>/<name>` (`bundle:weekly/*`), which no data set is called.

Further keys sign the same statement, but for its time, in objects beside the lock. They are looked
for where the lock's own signature is not enough.
"""

from __future__ import annotations

from typing import Final, Protocol

from opendata.reading.signature import (
    CURABLE,
    STATEMENT_TYPE,
    Countersignature,
    Trusted,
    require_accepted,
    verify_envelope,
)
from opendata.reading.trust import TrustRoot
from opendata.stores.port import Blob
from opendata.wire import keys
from opendata.wire.bundle import BundleLock
from opendata.wire.codec import read_wire
from opendata.wire.digest import canonical_json, is_digest, parse_digest
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import Freeze

BUNDLE_PREDICATE: Final = "https://opendata.dev/predicates/bundle/v1"


class SignatureReader(Protocol):
    """Where the objects beside a lock are read: a store, or an API that hands them out."""

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The whole object. Raises NotFound, Denied, Unavailable, Corrupt as a store does."""
        ...


def bundle_statement(
    lock: BundleLock, freeze: Freeze, hash_sha256: str, signed_at: str | None
) -> bytes:
    """The statement of one frozen lock; indexes stand in the order of their keys."""
    indexes = {one.index: parse_digest(one.checksum) for one in lock.channels}
    named = [(_revision_name(lock), hash_sha256), *sorted(indexes.items())]
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in named],
            "predicateType": BUNDLE_PREDICATE,
            "predicate": {"freeze": freeze.to_json(), "signed_at": signed_at},
        }
    )


def signer_scope(lock: BundleLock) -> str:
    """What the rules of a key call this bundle, where they say what it may sign."""
    return f"bundle:{lock.type}/{lock.name}"


def countersigned_statement(lock: BundleLock, signed_at: str) -> bytes:
    """What a further key signs of a frozen lock."""
    return bundle_statement(lock, lock.freeze, lock.integrity.hash_sha256, signed_at)


def verify_bundle(
    lock: BundleLock,
    trust: TrustRoot | None,
    reader: SignatureReader | None = None,
    *,
    threshold: int | None = None,
) -> Trusted:
    """Check a lock's signature where a trust root is configured, and say what was checked.

    The body's hash is checked by whoever reads the lock (`read_lock`), the indexes' digests by
    whoever reads those.

    Args:
        reader: Where countersignatures are looked for if the lock's own is not enough; without one
            only its own counts.
        threshold: How many keys must have signed, in place of what the trust root asks for.

    Raises:
        Denied: if a trust root is configured and too few of its keys have signed.
        Unavailable: if the store does not answer whether enough have.
    """
    if trust is None:
        return Trusted.DIGESTS_ONLY
    needed = trust.threshold if threshold is None else threshold
    signers: set[str] = set()
    problem: Denied | None = None
    try:
        signers.add(_own_signer(lock, trust))
    except Denied as denied:
        if denied.code not in CURABLE:
            raise
        problem = denied
    if len(signers) < needed and reader is not None:
        signers |= {keyid for keyid in trust.keys if is_countersigned(lock, trust, reader, keyid)}
    signers = trust.distinct(signers)
    if len(signers) >= needed:
        return Trusted.SIGNATURE
    raise problem if problem is not None and not signers else _too_few(lock, signers, needed)


def is_countersigned(
    lock: BundleLock, trust: TrustRoot, reader: SignatureReader, keyid: str
) -> bool:
    """Whether a key has signed a lock after it was frozen, and may have.

    Raises:
        Unavailable: if the store does not answer.
    """
    if not is_digest(keyid):
        return False  # it names no object
    key = keys.bundle_countersignature_key(lock.ref, lock.revision, keyid)
    try:
        data = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
        found = read_wire(Countersignature, data, key)
        statement = countersigned_statement(lock, found.signed_at)
        signed_by = verify_envelope(found.signature, statement, trust, key)
        require_accepted(trust, signed_by, signer_scope(lock), found.signed_at, key)
    except (NotFound, Denied, Corrupt):
        return False
    return signed_by == keyid


def _own_signer(lock: BundleLock, trust: TrustRoot) -> str:
    what, integrity = _what(lock), lock.integrity
    statement = bundle_statement(lock, lock.freeze, integrity.hash_sha256, integrity.signed_at)
    keyid = verify_envelope(integrity.signature, statement, trust, what)
    if keyid != integrity.signed_by:
        raise Denied(f"{what} is signed by another key than it says", code="signature_mismatch")
    # Signed when it was frozen: whoever stole a key later cannot give it an earlier bundle.
    require_accepted(trust, keyid, signer_scope(lock), lock.freeze.frozen_at, what)
    return keyid


def _too_few(lock: BundleLock, signers: set[str], needed: int) -> Denied:
    named = ", ".join(f"{keyid[:12]}…" for keyid in sorted(signers))
    return Denied(
        f"{needed} trusted keys must have signed {_what(lock)}, and {len(signers)} did: {named}",
        code="too_few_signatures",
        hint=f"od key countersign {lock.ref}, with another trusted key",
    )


def _what(lock: BundleLock) -> str:
    return f"the bundle {lock.ref}, revision {lock.revision}"


def _revision_name(lock: BundleLock) -> str:
    return f"bundles/{lock.ref}@{lock.revision}"
