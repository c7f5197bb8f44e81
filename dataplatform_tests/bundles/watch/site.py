"""A site to watch: a store, a spec repository, and channels whose files are real files in folders.

Its hands are those of the people and accidents that a site has: files are delivered, lost, changed
on disk, and the clock moves. Channels are indexed and bundles locked as publishing leaves them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.tick import Tick, watch_tick
from dataplatform.channels.build import index_channel
from dataplatform.channels.ports import ChannelPorts
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from dataplatform_tests.fakes.notifier import FakeNotifier
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from dataplatform_tests.reading.file_index.lake import locked, put_bundle
from opendata.reading.file_index.index import FileIndex
from opendata.reading.file_index.place import Mapped, map_index
from opendata.reading.file_index.query import FileQuery
from opendata.stores.memory import MemoryStore
from opendata.wire.bundle import BundleLock, DataRange, LockedChannel
from opendata.wire.channel import ChannelIndex
from opendata.wire.errors import NotFound

JUNE = datetime(2025, 6, 1, tzinfo=UTC)
OPS, PHONE = "slack://data-ops", "pagerduty://data-critical"
MONITORING = f"""\
monitoring:
  bundle_completeness:
    check_interval: "1h"
    alert_on_missing_files: true
    alert_threshold: 0.99
  sync_status:
    check_dataspec_updates: true
    max_sync_delay: "30min"
    alert_on_sync_failure: true
  storage_health:
    check_storage_accessibility: true
    verify_checksums: true
    alert_on_corruption: true
alerts:
  channels: ["{OPS}", "{PHONE}"]
  escalation_policy: "data-team-escalation"
"""


class Site:
    """One bundle `model` with one channel `images`, six files an hour over some hours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake, self.mirror = folder / "lake", folder / "mirror"
        self.store, self.repo = MemoryStore(), FakeSpecRepo()
        self.index_repo, self.notifier = FakeIndexRepo(), FakeNotifier()
        self.now = JUNE + timedelta(days=20)
        self.has_repo = True
        channels = ChannelPorts(
            store=self.store,
            open_files=lambda path: open_channel_files(path, {}, root=str(folder)),
            engines={"local": LocalEngine(root=str(folder))},
            writer=ParquetIndexWriter(str(folder / "work")),
            now=lambda: self.now,
            environ={},
        )
        self.ports = BundlePorts(
            store=self.store,
            channels=channels,
            open_spec_repo=self._open_repo,
            open_index_repo=lambda: self.index_repo,
            now=lambda: self.now,
            base_url="http://127.0.0.1:8000",
        )

    def _open_repo(self) -> FakeSpecRepo:
        if not self.has_repo:
            raise NotFound(
                "no spec repository is set",
                code="no_spec_repo",
                hint="export OPENDATA_SPEC_REPO=path or URL",
            )
        return self.repo

    # --- hands -----------------------------------------------------------------------

    def deliver(
        self, hours: int, per_hour: int = 6, *, first: int = 0, mirrored: bool = True
    ) -> None:
        """Put files into the lake: so many in each of some hours from the first of June on."""
        for hour in range(first, first + hours):
            at = JUNE + timedelta(hours=hour)
            for number in range(per_hour):
                path = f"{at:%Y/%m/%d/%H}/img_{number:03}.jpg"
                for place in (self.lake, self.mirror) if mirrored else (self.lake,):
                    (place / path).parent.mkdir(parents=True, exist_ok=True)
                    (place / path).write_bytes(f"picture {path}".encode() * 10)

    def spec(self, **changes: object) -> ChannelSpec:
        """The channel's spec; six files an hour unless told otherwise."""
        told: dict[str, object] = {
            "channel": "images",
            "version": "1.2.0",
            "storage_path": f"{self.lake}/",
            "expected": {"every": "1h", "count": 6},
            "mirrors": [f"{self.mirror}/"],
        }
        return ChannelSpec.model_validate({**told, **changes})

    def publish(
        self,
        hours: int,
        spec: ChannelSpec | None = None,
        *,
        version: str = "v1.0.0-2025.25",
        data_range: DataRange | None = None,
    ) -> BundleLock:
        """Index the channel and lock it over those hours."""
        self.specs = spec or self.spec()
        index = index_channel(self.ports.channels, self.specs).index
        end = JUNE + timedelta(hours=hours) - timedelta(seconds=1)
        held = data_range or DataRange(start_time="2025-06-01T00:00:00Z", end_time=end.isoformat())
        held_files = FileIndex(index.index, self._mapped(index)).count(FileQuery().within(held))
        one: LockedChannel = locked(
            index, data_range=held, file_count=held_files.files, total_bytes=held_files.bytes
        )
        return put_bundle(self.store, [one], name="model", version=version)

    def _mapped(self, index: ChannelIndex) -> Mapped:
        """The index's bytes, past what a process keeps open: tests damage them afterwards."""
        return map_index(self.store, None, index.index, index.index_sha256, index.index_bytes)

    def find_spec(self, channel: str, version: str) -> ChannelSpec:
        """What `expectation.find_specs` makes of a repository."""
        if (channel, version) != (self.specs.channel, str(self.specs.version)):
            raise NotFound(f"there is no channel {channel} {version}")
        return self.specs

    def paths(self) -> list[str]:
        """The files of the lake, in order."""
        return sorted(str(one.relative_to(self.lake)) for one in self.lake.rglob("*.jpg"))

    def lose(self, paths: Sequence[str]) -> None:
        """Take files away."""
        for path in paths:
            (self.lake / path).unlink()

    def flip_bit(self, path: str, at: int = 5) -> None:
        """Change one bit on the disk; size and times stay as they are."""
        file = self.lake / path
        before = file.stat()
        data = bytearray(file.read_bytes())
        data[at % len(data)] ^= 1
        file.write_bytes(data)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def digest(self, path: str) -> str:
        """What a file of the lake hashes to now."""
        return hashlib.sha256((self.lake / path).read_bytes()).hexdigest()

    def look(self, after: timedelta = timedelta()) -> Tick:
        """Time passes, and somebody looks."""
        self.now += after
        return watch_tick(self.ports, self.notifier, self.now)
