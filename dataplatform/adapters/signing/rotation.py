"""Rotation: a new private key takes the place of the one that signs.

Here belongs the order of the steps. Killed between any two of them, the file holds the old key or
the new one, whole, and the trust file knows the key that lies there: signing goes on either way.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dataplatform.adapters.signing.ed25519 import create_key, open_signer
from dataplatform.adapters.signing.trust_file import TrustFile
from opendata.reading.trust import Reason
from opendata.wire.errors import Conflict, NotFound


@dataclass(frozen=True)
class Rotated:
    """The old key's id, the new one's (None before it is made), and where the old key lies."""

    old: str
    new: str
    key: str
    aside: str
    trust: str

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def rotate_key(path: Path, trust: TrustFile, at: datetime, *, dry_run: bool = False) -> Rotated:
    """Exchange the key in `path`; the old one is kept beside it under its own name.

    Raises:
        NotFound: if there is no key.
        Denied: if it is no key that only its owner can read, or the trust file is none.
        Conflict: if the old key was moved aside before.
    """
    if not path.exists():
        raise NotFound(f"there is no key {path}", code="no_key", hint="od key create makes one")
    old = open_signer(f"file:{path}", {})
    assert old is not None  # a reference was given
    aside = path.with_name(f"{path.stem}-{old.key_id[:12]}{path.suffix}")
    if aside.exists():
        raise Conflict(
            f"{aside} is there already", code="key_kept_already", hint="move it away, then again"
        )
    trust.root()
    if dry_run:
        return Rotated(old.key_id, "", str(path), str(aside), str(trust.path))
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # left over from an attempt that was killed
    new = create_key(fresh)
    trust.add(old.key_id, old.public_entry(), {})
    trust.add(new.key_id, new.public_entry(), {})
    os.link(path, aside)
    os.replace(fresh, path)
    trust.revoke(old.key_id, at, Reason.ROTATED, None)
    return Rotated(old.key_id, new.key_id, str(path), str(aside), str(trust.path))
