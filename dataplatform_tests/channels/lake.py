"""A channel to try things on: files in memory, a store in memory, a clock that can be moved."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.adapters.row_scratch.arrow import open_scratch
from dataplatform.channels.build import IndexedChannel, index_channel
from dataplatform.channels.ports import ChannelPorts
from dataplatform.channels.rows import INDEX_SCHEMA
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.fakes.channel_files import FakeChannelFiles
from opendata.stores import ObjectStore, open_store
from opendata.wire import keys
from opendata.wire.channel import ChannelIndex

HOUR = "2025/06/01/12"


class StillClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        """Move it."""
        self.at += timedelta(**span)


class Lake:
    """One channel, its files, and the store that its index goes to.

    Where it `is_spilled` it is compared on disk, as one of millions of files.
    """

    def __init__(
        self,
        folder: Path,
        store: ObjectStore | None = None,
        *,
        is_spilled: bool = False,
        sort_bytes: int = 1 << 20,
        **spec: Any,
    ) -> None:
        self.place = FakeChannelFiles()
        self.clock = StillClock()
        self.store = store or open_store(f"memory://{uuid.uuid4().hex}", environ={})
        self.spec = self.spec_with(**spec)
        self.ports = ChannelPorts(
            store=self.store,
            open_files=lambda storage_path: self.place,
            engines={
                "local": LocalEngine(
                    root="/", threads=1, open_files=lambda storage_path, environ: self.place
                )
            },
            writer=ParquetIndexWriter(str(folder / "scratch")),
            now=self.clock,
            environ={},
            scratch=lambda: open_scratch(folder / "spilled", sort_bytes),
            held_files=-1 if is_spilled else 1_000_000,
        )

    @staticmethod
    def spec_with(**changes: Any) -> ChannelSpec:
        """The channel's spec with some fields changed."""
        plain = {"channel": "image_original", "version": "1.2.0", "storage_path": "fake://place/"}
        return ChannelSpec.model_validate({**plain, **changes})

    def index(self, **options: Any) -> IndexedChannel:
        """Index the channel; the place then forgets which files were read before."""
        self.place.hashed.clear()
        return index_channel(self.ports, options.pop("spec", self.spec), **options)

    def rows(self, index: ChannelIndex) -> list[dict[str, Any]]:
        """The rows of an index, as its object has them."""
        table = pq.read_table(pa.BufferReader(self.store.get(index.index).data))
        assert table.schema == INDEX_SCHEMA
        found: list[dict[str, Any]] = table.to_pylist()
        return found

    def leftovers(self) -> list[str]:
        """What an interrupted indexing left."""
        prefix = keys.channel_progress_prefix(self.spec.channel, self.spec.version)
        return [stat.key for stat in self.store.list(prefix)]
