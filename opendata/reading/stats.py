"""What a read cost: counted while reading, shown by `ds.stats` and by `od load`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class ReadStats:
    """Counters of one read. `bytes_total` is the whole release, `verified` what was checked
    beyond digests (`signature`) or that digests were all there was to check (`digests`)."""

    shards_read: int = 0
    shards_skipped: int = 0
    row_groups_read: int = 0
    row_groups_skipped: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    requests: int = 0
    cache_hits: int = 0
    seconds: float = 0.0
    verified: str = "digests"
    offline: bool = False

    def to_json(self) -> dict[str, Any]:
        """The counters by name."""
        return asdict(self)

    def __str__(self) -> str:
        shards = self.shards_read + self.shards_skipped
        groups = self.row_groups_read + self.row_groups_skipped
        return (
            f"read {self.shards_read} of {shards} shards, {self.row_groups_read} of {groups} row "
            f"groups, {human_bytes(self.bytes_read)} of {human_bytes(self.bytes_total)} in "
            f"{self.requests} requests, {self.seconds:.2f} s; verified by {self.verified}"
            + ("; offline, from the cache" if self.offline else "")
        )


def human_bytes(count: int) -> str:
    """Bytes as a person reads them: `1.2 MB`."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
