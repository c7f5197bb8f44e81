"""What an indexing has described so far, put aside so that an interruption loses little.

Here belongs when a segment is written and that it goes when the index is there. Small channels
write none. What a segment says is used by `known`, under the same rule as the state: a file has the
size and version that it had.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from dataplatform.channels.ports import ChannelPorts, Described
from dataplatform.channels.rows import state_rows
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.version import Version

EVERY: Final = timedelta(seconds=10)
EVERY_BYTES: Final = 1 << 30


class Segments:
    """Puts aside what was described since the last time, every ten seconds or gibibyte."""

    def __init__(
        self,
        ports: ChannelPorts,
        channel: str,
        version: Version,
        *,
        described_by: str,
    ) -> None:
        self._ports = ports
        self._prefix = keys.channel_progress_prefix(channel, version)
        self._name = secrets.token_hex(6)
        self._described_by = described_by
        self._sidecars: Mapping[str, str] = {}
        self._waiting: list[Described] = []
        self._waiting_bytes = 0
        self._since = ports.now()
        self.written: list[str] = []

    def begin(self, sidecars: Mapping[str, str]) -> None:
        """From now on files of another part are described; what is left of the last one is put
        aside. `sidecars` is size and version of the sidecar, by the path of the file."""
        self.flush()
        self._sidecars = sidecars

    def add(self, described: Sequence[Described]) -> None:
        """Some more files were described."""
        self._waiting.extend(described)
        self._waiting_bytes += sum(one.file.size for one in described)
        now = self._ports.now()
        # A clock that was put back makes it due as well: it could stand still for long.
        elapsed = abs(now - self._since)
        if self._waiting and (elapsed >= EVERY or self._waiting_bytes >= EVERY_BYTES):
            self.flush()
            self._since = self._ports.now()

    def flush(self) -> None:
        """Put aside what was described since the last time."""
        if self._waiting:
            self._write()

    def _write(self) -> None:
        rows = state_rows(self._waiting, self._sidecars)
        key = f"{self._prefix}{self._name}-{len(self.written):06d}.parquet"
        with self._ports.writer.write_state(rows.to_batches(), self._described_by) as written:
            self._ports.store.put(key, written.file)
        self.written.append(key)
        self._waiting, self._waiting_bytes = [], 0


def drop_segments(store: ObjectStore, segments: Sequence[str]) -> None:
    """Remove what an index makes superfluous."""
    for key in segments:
        store.delete(key)
