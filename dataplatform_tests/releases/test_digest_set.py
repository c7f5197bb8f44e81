"""The compact set of digests says what Python's own set would say."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from dataplatform.releases.collecting.digest_set import DigestSet
from dataplatform.releases.collecting.roots import digests_in

# Bytes of zero at the ends, where compact arrays of text might lose them.
DIGESTS = st.binary(min_size=32, max_size=32) | st.sampled_from(
    [bytes(32), bytes(31) + b"\1", b"\1" + bytes(31), b"\xff" * 32]
)


@given(st.lists(st.lists(DIGESTS)), st.lists(DIGESTS))
def test_it_holds_what_was_added(added: list[list[bytes]], asked: list[bytes]) -> None:
    compact, plain = DigestSet(), set[bytes]()
    for part in added:
        compact.add(b"".join(part))
        plain.update(part)
    wanted = [*asked, *plain]
    assert compact.holds([one.hex() for one in wanted]) == [one in plain for one in wanted]
    assert len(compact) == len(plain)


def test_many_are_merged_in_bulk() -> None:
    compact = DigestSet()
    digests = [hashlib.sha256(str(n).encode()).digest() for n in range(200_000)]
    for at in range(0, len(digests), 1000):
        compact.add(b"".join(digests[at : at + 1000]))
        compact.add(b"".join(digests[:1000]))  # as the next release does, which shares its shards
    assert len(compact) == len(digests)
    assert compact.holds([digests[0].hex(), "ab" * 32]) == [True, False]


def test_whatever_looks_like_a_digest_in_a_document_counts() -> None:
    one, two = "ab" * 32, "01" * 32
    document = f'{{"a": "objects/sha256/ab/{one}", "b": ["sha256:{two}"], "c": "{one}0"}}'
    assert digests_in(document.encode()) == bytes.fromhex(one + two)
    assert digests_in(b"") == b""
