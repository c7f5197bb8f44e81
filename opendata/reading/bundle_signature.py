"""What a bundle's signature says, and whether it holds.

The signature is made as a release's (see `signature`): a DSSE envelope over an in-toto statement.
Its subjects are the hash of the lock's body and every index that it pins, so that each can be
checked against the envelope alone; its predicate carries the freeze block and the time of signing.
Which keys count, and when, stands in `trust`: the rules of a key name bundles as
`bundle:<type>/<name>` (`bundle:weekly/*`), which no data set is called.
"""

from __future__ import annotations

from typing import Final

from opendata.reading.signature import (
    STATEMENT_TYPE,
    Trusted,
    require_accepted,
    verify_envelope,
)
from opendata.reading.trust import TrustRoot
from opendata.wire.bundle import BundleLock
from opendata.wire.digest import canonical_json, parse_digest
from opendata.wire.errors import Denied
from opendata.wire.manifest import Freeze

BUNDLE_PREDICATE: Final = "https://opendata.dev/predicates/bundle/v1"


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


def verify_bundle(lock: BundleLock, trust: TrustRoot | None) -> Trusted:
    """Check a lock's signature where a trust root is configured, and say what was checked.

    The body's hash is checked by whoever reads the lock (`read_lock`), the indexes' digests by
    whoever reads those.

    Raises:
        Denied: if a trust root is configured and the lock is unsigned, signed by an unknown key or
            one that may not sign it, or over other contents; or if several keys are asked for,
            since a bundle has one signature.
    """
    if trust is None:
        return Trusted.DIGESTS_ONLY
    what = f"the bundle {lock.ref}, revision {lock.revision}"
    integrity = lock.integrity
    statement = bundle_statement(lock, lock.freeze, integrity.hash_sha256, integrity.signed_at)
    keyid = verify_envelope(integrity.signature, statement, trust, what)
    if keyid != integrity.signed_by:
        raise Denied(f"{what} is signed by another key than it says", code="signature_mismatch")
    # Signed when it was frozen: whoever stole a key later cannot give it an earlier bundle.
    require_accepted(trust, keyid, signer_scope(lock), lock.freeze.frozen_at, what)
    if trust.threshold > 1:
        raise Denied(
            f"{trust.threshold} trusted keys must have signed {what}, and a bundle carries one "
            "signature",
            code="too_few_signatures",
            hint="set OPENDATA_TRUST to a trust file with a threshold of 1 for bundles",
        )
    return Trusted.SIGNATURE


def _revision_name(lock: BundleLock) -> str:
    return f"bundles/{lock.ref}@{lock.revision}"
