"""What is known of a candidate's shards before a gate looks: statistics, and facts kept earlier.

A shard that the current release has too was judged then, byte for byte, under the same contract.
Its facts were kept with that release's profile, which the signed manifest names. So a gate looks at
what is new, and its verdict still covers every row.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataplatform.contracts.engine import NOTHING_PINNED
from dataplatform.contracts.model import Contract, DriftOf, MetricThreshold
from dataplatform.contracts.profile import FACTS_FORMAT, Profile, ShardedFacts
from dataplatform.contracts.referential import Pinned
from dataplatform.contracts.shard_facts import KnownShard, facts_digest
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.objects import read_object
from opendata.reading.resolve import Release
from opendata.stores.port import ObjectReader
from opendata.wire.codec import read_json
from opendata.wire.errors import Corrupt, NotFound


def known_shards(
    store: ObjectReader,
    candidate: Candidate,
    contract: Contract,
    current: Release | None,
    thresholds: Sequence[MetricThreshold],
    pinned: Pinned = NOTHING_PINNED,
) -> list[KnownShard]:
    """What is known of each of the candidate's files; nothing where the whole must be measured.

    How many values are different over several shards cannot be added up, so where a threshold is
    about that, the rows are asked.
    """
    if any(threshold.of is DriftOf.DISTINCT for threshold in thresholds):
        return []
    kept = {}
    if (facts := _facts(store, current)) and facts.contract == facts_digest(contract, pinned):
        kept = {shard.sha256: shard for shard in facts.shards}
    return [
        KnownShard(entry.sha256, entry.stats, kept.get(entry.sha256)) for entry in candidate.files
    ]


def _facts(store: ObjectReader, current: Release | None) -> ShardedFacts | None:
    key = current.manifest.reports.get("profile") if current else None
    if not isinstance(key, str):
        return None
    try:
        facts = Profile.from_json(read_json(read_object(store, key), key)).sharded
    except (NotFound, Corrupt):
        return None  # lost or damaged, it is measured anew
    if isinstance(facts, ShardedFacts) and facts.format == FACTS_FORMAT:
        return facts
    return None
