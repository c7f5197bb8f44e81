"""One object that caches keep, and where they keep it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

DATA = bytes(range(256)) * 4_000
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY = f"objects/sha256/{DIGEST[:2]}/{DIGEST}"


def blob_of(folder: Path) -> Path:
    return folder / "blobs" / DIGEST[:2] / DIGEST


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def date_back(file: Path) -> None:
    """Let a file look as if nobody had written it just now."""
    past = time.time_ns() - 10_000_000_000
    os.utime(file, ns=(past, past))
