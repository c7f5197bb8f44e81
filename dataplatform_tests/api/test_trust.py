"""Whose locks are served where somebody is trusted, and the signatures beside a lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplatform.bundles.countersign import countersign_lock
from dataplatform_tests.api.site import CHANNEL, NAME, VERSION, Site
from dataplatform_tests.bundles.drafts import NOW, draft, signed_bundle, signer
from dataplatform_tests.reading.file_index.lake import locked, pictures, put_channel
from opendata.reading.signature import Countersignature
from opendata.reading.trust import TrustRoot
from opendata.wire.bundle import BundleLock
from opendata.wire.codec import read_wire

FIRST, SECOND = signer(1), signer(2)
BUNDLE = f"/api/v1/bundles/{NAME}"
WHICH = {"version": VERSION}
SIGNATURE = f"{BUNDLE}/signatures/{SECOND.key_id}"


def trusted_site(trust: TrustRoot) -> tuple[Site, BundleLock]:
    site = Site()
    channel = locked(put_channel(site.store, CHANNEL, pictures(4)))
    lock = signed_bundle(site.store, draft([channel], version=VERSION), FIRST)
    site.bundles = replace(site.bundles, trust=trust)
    return site, lock


@pytest.mark.requirement("S0-62")
def test_who_trusts_a_key_serves_no_lock_that_it_did_not_sign() -> None:
    """Else whoever can write a lock into the store has addresses signed for any place."""
    site, _ = trusted_site(SECOND.trust())
    with site.serving() as client:
        for path in ("", "/files", "/stream", "/download"):
            answer = client.get(BUNDLE + path, params=WHICH)
            assert (answer.status_code, answer.json()["category"]) == (503, "denied"), path
    site, _ = trusted_site(FIRST.trust())
    with site.serving() as client:
        for path in ("", "/files", "/stream", "/download"):
            assert client.get(BUNDLE + path, params=WHICH).status_code == 200, path


def test_a_countersignature_is_handed_out_as_it_is_stored() -> None:
    site, lock = trusted_site(FIRST.trust())
    with site.serving() as client:
        before = client.get(SIGNATURE, params=WHICH)
        assert (before.status_code, before.json()["code"]) == (404, "no_signature")
        countersign_lock(site.store, lambda: NOW, SECOND, lock, vouch=True)
        after = client.get(SIGNATURE, params={**WHICH, "revision": 1, "type": "weekly"})
        assert after.headers["cache-control"] == "no-store"
        for other in ("x", "../../latest", "A" * 64):
            assert client.get(f"{BUNDLE}/signatures/{other}").status_code in (400, 404)
    found = read_wire(Countersignature, after.content, "it")
    assert found.signed_by == SECOND.key_id


def test_a_signature_is_shown_to_who_may_read_the_bundle() -> None:
    from dataplatform.api.tokens import TokenCheck, TokenList, add_token

    site, lock = trusted_site(FIRST.trust())
    countersign_lock(site.store, lambda: NOW, SECOND, lock, vouch=True)
    listed, other = add_token(TokenList(), "other", now=NOW, bundles=["another_*"])
    with site.serving(tokens=TokenCheck(listed)) as client:
        assert client.get(SIGNATURE).status_code == 401
        told = client.get(SIGNATURE, headers={"authorization": f"Bearer {other}"})
        assert (told.status_code, told.json()["code"]) == (403, "bundle_not_granted")
