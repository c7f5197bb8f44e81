"""Uploading a large file in parts, several at a time.

Parts are not visible until the last request joins them, so whoever is killed in between leaves no
object; what lies around is the upload, which a lifecycle rule of the bucket clears away. Joining
overwrites: a multipart upload is for objects whose key names their content, where a second writer
brings the same bytes. Here belong its limits and the request.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

FROM_BYTES: Final = 64 << 20
PART_BYTES: Final = 16 << 20
PARTS_AT_ONCE: Final = 4
# S3 takes 10,000 parts of an upload.
MULTIPART_MAX_BYTES: Final = 10_000 * PART_BYTES


def put_in_parts(client: Client, key: str, path: str, attributes: Any) -> str:
    """Upload the file and return its token; about `PARTS_AT_ONCE` parts are in memory."""
    result = client.put(
        key,
        Path(path),
        attributes=attributes,
        use_multipart=True,
        chunk_size=PART_BYTES,
        max_concurrency=PARTS_AT_ONCE,
    )
    return result["e_tag"] or ""
