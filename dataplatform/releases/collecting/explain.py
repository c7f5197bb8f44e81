"""Explain: who needs an object, or when it may go.

Reads every root, as a collection does; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dataplatform.releases.collecting.look import Progress, Rules
from dataplatform.releases.collecting.roots import StoreDocuments
from dataplatform.releases.collecting.store_clock import modified_at
from dataplatform.releases.ports import ReleasePorts
from opendata.wire import keys
from opendata.wire.digest import parse_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.times import format_instant

NAMED_BY_MAX: Final = 1000


@dataclass(frozen=True)
class Explanation:
    """An object and the documents that name it (their keys, the first thousand).

    `written_at` and `size_bytes` are None where there is no such object.
    """

    key: str
    size_bytes: int | None
    written_at: datetime | None
    named_by: tuple[str, ...]
    old_from: datetime | None

    def to_json(self) -> dict[str, Any]:
        """The same by name."""
        return {
            "key": self.key,
            "size_bytes": self.size_bytes,
            "written_at": format_instant(self.written_at) if self.written_at else None,
            "named_by": [*self.named_by],
            "old_from": format_instant(self.old_from) if self.old_from else None,
        }


def explain_object(
    ports: ReleasePorts, named: str, rules: Rules, advance: Progress = lambda step: None
) -> Explanation:
    """Who needs an object, asked for by its key or digest.

    Raises:
        InvalidInput: if it is neither.
        Corrupt: naming a root that cannot be read.
    """
    digest = _digest_of(named)
    key = keys.object_key(digest)
    stat = ports.store.stat(key)
    naming: list[str] = []
    raw = bytes.fromhex(digest)
    for document in StoreDocuments(ports.store).documents():
        advance(document.key)
        if raw in document.each_digest() and len(naming) < NAMED_BY_MAX:
            naming.append(document.key)
    written_at = modified_at(ports, stat) if stat else None
    is_free = written_at is not None and not naming
    return Explanation(
        key,
        stat.size if stat else None,
        written_at,
        tuple(naming),
        written_at + rules.grace if written_at and is_free else None,
    )


def _digest_of(named: str) -> str:
    try:
        return parse_digest(keys.digest_of_object_key(named))
    except InvalidInput as error:
        raise InvalidInput(
            f"{named!r} is no object: its name is a sha256 of 64 hex characters",
            code="no_object_key",
            hint="od gc --json lists keys of objects; od releases NS/NAME --json names manifests",
        ) from error
