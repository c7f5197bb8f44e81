"""Gather: shards that were written and shards that stay become the files of one candidate.

Here belongs the end of every build, whatever brought its rows: a producer, a push or a patch.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dataplatform.contracts.model import Contract
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.describe import Ingredients, Origin, describe_candidate
from dataplatform.releases.ports import Arrangement, ReleasePorts, WorkSession, WrittenShard
from dataplatform.releases.preview import PreviewRows
from dataplatform.releases.scratch import keeping
from dataplatform.releases.shards import place_of, store_shards
from opendata.wire.manifest import FileEntry


@dataclass(frozen=True)
class Product:
    """What a build makes beside its shards."""

    ingredients: Ingredients
    contract: Contract
    arrangement: Arrangement
    origin: Origin


def gather_shards(
    ports: ReleasePorts,
    product: Product,
    untouched: Sequence[FileEntry],
    session: WorkSession,
    shards: Iterable[WrittenShard] | None = None,
) -> tuple[Candidate, frozenset[str]]:
    """The candidate of all shards, and the names of those that were written for it.

    Args:
        shards: What is stored in place of the session's own shards.

    Raises:
        Unavailable: if the store does not take the bytes, or memory does not suffice.
    """
    ingredients = product.ingredients
    preview = PreviewRows(ingredients.preview_rows)
    carried = _carried(ports, untouched, session, preview)
    shards = store_shards(ports, session) if shards is None else shards
    entries, new = [], set()
    with keeping(ingredients.definition.id):
        for shard in heapq.merge(carried, shards, key=lambda shard: place_of(shard.entry)):
            if shard.parquet is not None:
                new.add(shard.entry.name)
            preview.offer(shard.head)
            entries.append(shard.entry)
    candidate = describe_candidate(
        ports.store,
        ingredients,
        product.contract,
        product.arrangement,
        tuple(entries),
        preview,
        product.origin,
    )
    return candidate, frozenset(new)


def _carried(
    ports: ReleasePorts, entries: Sequence[FileEntry], session: WorkSession, preview: PreviewRows
) -> Iterator[WrittenShard]:
    """Shards that stay; their bytes are looked at only while the preview wants rows."""
    for entry in entries:
        head = None if preview.is_full else session.head(ports.shard_path(entry))
        yield WrittenShard(entry, None, None, head)
