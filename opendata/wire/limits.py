"""How large a stored document can be: beyond that it is not what it is called, and is not read.

Documents are held whole while they are decoded, and who may write to a store (or stands between)
decides what they hold. So their readers decide how much they are ready to hold. Shards are not
documents: their sizes stand in the manifest.
"""

from __future__ import annotations

from typing import Final

from opendata.wire.pointer import POINTER_MAX_BYTES

__all__ = ["CATALOGUE_MAX_BYTES", "DOCUMENT_MAX_BYTES", "MARK_MAX_BYTES", "POINTER_MAX_BYTES"]

DOCUMENT_MAX_BYTES: Final = 64 << 20
"""Manifests, chunk lists, metadata, reports: a hundred thousand shards, a million chunks."""
CATALOGUE_MAX_BYTES: Final = 256 << 20
"""`index.json`: with all that twenty runs may say, ten thousand data sets."""
MARK_MAX_BYTES: Final = 64 << 10
"""A mark of a release: a few names, a reason of a paragraph, and a signature over both."""
