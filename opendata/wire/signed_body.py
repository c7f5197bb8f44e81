"""The part of a manifest that is hashed and signed: all but the two blocks that hold the hash.

Here belong cutting it out and comparing its hash. What a manifest says stands in `manifest`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from opendata.wire.codec import read_json, stored_canonical
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt

UNSIGNED_BLOCKS: Final = ("integrity", "freeze")
_PLAIN_NAME: Final = re.compile(r"\w+", re.ASCII)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def signed_body(manifest: dict[str, Any], what: str = "the manifest") -> bytes:
    """The canonical bytes that `integrity.hash_sha256` is the digest of."""
    body = {key: value for key, value in manifest.items() if key not in UNSIGNED_BLOCKS}
    return stored_canonical(body, what)


def check_body_hash(data: bytes, expected: str, what: str) -> None:
    """Compare the hash of a stored manifest's body with the one that it names.

    Bytes that are canonical as they were stored, which is what this platform writes, are hashed as
    they are; only others are written anew for it.

    Raises:
        Corrupt: if the body was altered.
    """
    if digest_of(_stored_body(data)) == expected:
        return
    actual = digest_of(signed_body(read_json(data, what), what))
    if actual != expected:
        raise Corrupt(
            f"{what} was altered: its body hashes to {actual[:12]}…, "
            f"integrity.hash_sha256 says {expected[:12]}…",
            code="manifest_altered",
            hint="od verify lists every damaged object of a data set",
            details={"object": what},
        )


def _stored_body(data: bytes) -> bytes:
    """The members of a stored manifest but for the two blocks, byte for byte; nothing where that
    cannot be told, which is no body's: a name that is written with escapes would be put back as
    other bytes than were read."""
    try:
        members = _MEMBERS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if not all(map(_PLAIN_NAME.fullmatch, members)):
        return b""
    kept = (
        b'"%b":%b' % (key.encode(), bytes(raw))
        for key, raw in members.items()
        if key not in UNSIGNED_BLOCKS
    )
    return b"{" + b",".join(kept) + b"}"
