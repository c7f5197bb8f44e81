"""A place in which bundles are indexed for tests: two repositories, files of channels, a store.

The repositories are fakes, the store lies in memory, the channels' files in a folder. Engines and
writers are the real ones.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.index import IndexedBundle, index_bundle
from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.ports import ChannelPorts
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectStore

STEM = "model-v1.0.0-2025.25"
PATH = f"bundles/weekly/{STEM}.yaml"
ASKED = "  - {channel: images, version: '>=1.0,<2', data_range: {start_time: 2025-06-01}}\n"
OLD = datetime(2025, 6, 1, tzinfo=UTC).timestamp()

TABLE = """\
compatibility_matrix:
  spec_repo_versions:
    "v1.0.0":
      compatible_dataindex_versions: ["v1.0.0", "v1.0.1"]
      breaking_changes: []

    "v1.1.0":
      compatible_dataindex_versions: ["v1.1.0", "v1.1.1"]
      breaking_changes:
        - "changed index schema for object_array channel"
      migration_guide: "docs/migration/v1.0-to-v1.1.md"

version_check:
  enable_automatic_check: true
  fail_on_incompatible: true
  notification_channels: ["slack", "email"]
"""


def bundle_text(channels: str = ASKED, *, meta: str = "", version: str = "v1.0.0-2025.25") -> str:
    head = f"bundle_name: model, bundle_version: {version}, bundle_type: weekly{meta}"
    return f"meta: {{{head}}}\nchannels:\n{channels}"


@dataclass
class Bench:
    """What a test acts in; `ports` are made anew for each act, so that any part can be changed."""

    root: Path
    store: ObjectStore = field(default_factory=MemoryStore)
    specs: FakeSpecRepo = field(default_factory=FakeSpecRepo)
    indexes: FakeIndexRepo | None = field(default_factory=FakeIndexRepo)
    clock: FakeClock = field(
        default_factory=lambda: FakeClock(datetime(2025, 6, 20, 10, 29, tzinfo=UTC))
    )
    signer: Ed25519Signer | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> BundlePorts:
        """The ports over what the bench holds now."""
        channels = ChannelPorts(
            store=self.store,
            open_files=lambda path: open_channel_files(path, self.environ, root=str(self.root)),
            engines={"local": LocalEngine(root=str(self.root))},
            writer=ParquetIndexWriter(str(self.root / "work")),
            now=self.clock,
            environ=self.environ,
        )
        return BundlePorts(
            store=self.store,
            channels=channels,
            open_spec_repo=lambda: self.specs,
            open_index_repo=lambda: self.indexes,
            now=self.clock,
            base_url="https://dataindex-api.example.org",
            signer=self.signer,
            trust=self.signer.trust() if self.signer else None,
        )

    def with_store(self, store: ObjectStore) -> Bench:
        """The same over another store, such as one that crashes."""
        return replace(self, store=store)

    def put_files(self, channel: str, files: Mapping[str, bytes]) -> None:
        """Files of a channel, as old as their times say."""
        for path, data in files.items():
            target = self.root / "lake" / channel / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            os.utime(target, (OLD, OLD))

    def pictures(self, channel: str, count: int, *, day: int = 1, first: int = 0) -> None:
        """Pictures by hour, in the folders of the convention (S0-51)."""
        self.put_files(
            channel,
            {
                f"2025/06/{day:02}/{number % 24:02}/img_{number:03}.jpg": b"%d" % number * 10
                for number in range(first, first + count)
            },
        )

    def channel_spec(self, channel: str, version: str = "1.2.0", more: str = "") -> dict[str, str]:
        """A channel's spec by its path."""
        text = f'channel: {channel}\nversion: "{version}"\nstorage_path: lake/{channel}/\n{more}'
        return {f"channels/{channel}/spec-{version}.yaml": text}

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Commit to the spec repository."""
        return self.specs.commit(dict(files))

    def ask(self, text: str | None = None, *channels: str, path: str = PATH) -> str:
        """Commit a bundle's spec, and channels whose specs are missing yet."""
        specs = {path: text or bundle_text()}
        for channel in channels or ("images",):
            specs |= self.channel_spec(channel)
        return self.commit(specs)

    def index(
        self, path: str = PATH, commit: str | None = None, *, force: bool = False,
        only: Collection[str] = (),
    ) -> IndexedBundle:  # fmt: skip
        """Index what the newest commit (or another one) asks for."""
        at = commit or self.specs.head()
        request = canonical_request(self.specs, path, at)
        return index_bundle(self.ports, request, force=force, only=only)

    def pass_time(self, span: timedelta) -> None:
        """Let the clock go on."""
        self.clock.now_at += span
