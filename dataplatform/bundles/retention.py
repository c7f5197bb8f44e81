"""Retention of partitions: which bundles the control room need not show any more.

Frozen locks, their indexes and documents stay for ever; `od bundle list` knows them all. Here
belongs only which partition keys a control room drops, because its pages get slow beyond many
thousands. A partition that is dropped comes back when its file is touched again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dataplatform.bundles.run_names import path_of_partition
from opendata.wire.bundle import BundleRef, parse_bundle_ref
from opendata.wire.errors import InvalidInput

KEEP_NEWEST: Final = 52
"""Of each name and type: a year of weekly bundles."""
KEEP_FOR: Final = timedelta(days=400)


@dataclass(frozen=True)
class PartitionRules:
    """A partition stays if either holds: it is among the `newest` of its name and type, or its
    bundle was indexed within the time `younger_than`."""

    newest: int = KEEP_NEWEST
    younger_than: timedelta = KEEP_FOR


def old_partitions(
    partitions: Iterable[str],
    indexed_at: Mapping[BundleRef, datetime],
    rules: PartitionRules,
    now: datetime,
) -> tuple[str, ...]:
    """The partitions to drop, in order.

    `indexed_at` says when each bundle got its current lock. What has no lock stays: its run has
    failed or is still to come, and somebody has to see that. So does a partition whose name is no
    bundle's, and one from the future (a clock that was wrong).

    Raises:
        InvalidInput: for rules that would keep nothing.
    """
    if rules.newest < 1:
        raise InvalidInput(
            "at least the newest bundle of each name stays: newest must be 1 or more"
        )
    lines: dict[tuple[str, str], list[tuple[BundleRef, str]]] = defaultdict(list)
    for partition in partitions:
        ref = _ref_of(partition)
        if ref is not None and ref in indexed_at:
            lines[ref.type, ref.name].append((ref, partition))
    old = []
    for line in lines.values():
        line.sort(reverse=True)
        old += [
            partition
            for ref, partition in line[rules.newest :]
            if now - indexed_at[ref] >= rules.younger_than
        ]
    return tuple(sorted(old))


def _ref_of(partition: str) -> BundleRef | None:
    try:
        return parse_bundle_ref(path_of_partition(partition))
    except InvalidInput:
        return None
