"""A channel that is compared in memory: nearly all are, and nothing is as fast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from dataplatform.channels.columns import listed_texts, taken
from dataplatform.channels.known import Comparison
from dataplatform.channels.listing import Arrangement
from dataplatform.channels.ports import Described
from dataplatform.channels.rows import STATE_SCHEMA, index_rows, state_rows
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.unread import UnreadFiles
from dataplatform.channels.work import Counts, Part, Rows


class HeldWork:
    """What there is to do, in memory; implements `Work`."""

    def __init__(
        self,
        spec: ChannelSpec,
        arrangement: Arrangement,
        found: Comparison,
        segment_keys: Sequence[str],
    ) -> None:
        self._files = len(arrangement.files)
        self._found = found
        self._sidecars = arrangement.sidecar_versions
        self._described: list[Described] = []
        self.segment_keys = segment_keys
        self.misfits = UnreadFiles(spec)
        self.misfits.add(found.misfits)

    @property
    def counts(self) -> Counts:
        """How much there is to do."""
        found = self._found
        return Counts(
            files=self._files,
            kept=len(found.kept),
            unread=len(found.unread),
            unread_bytes=sum(file.size for file in found.unread),
            rederived=len(found.rederived),
            new=found.new,
            removed=found.removed,
        )

    def parts(self) -> Iterator[Part]:
        """All of it at once."""
        found = self._found
        yield Part(found.unread, found.rederived, found.digests, self._sidecars)

    def add(self, described: Sequence[Described], part: Part) -> None:
        """Some files were described."""
        self._described += described

    def rows(self) -> Rows:
        """The rows that stay and those that were added."""
        state = self._state()
        return Rows(state.num_rows, index_rows(state).to_batches(), state.to_batches())

    def _state(self) -> pa.Table:
        """The rows that stay and those that are new, in order of their paths."""
        fresh = state_rows(self._described, self._sidecars)
        found = self._found
        if not found.kept:
            return fresh
        kept = found.earlier
        if len(found.kept) != kept.num_rows or list(found.kept) != list(range(kept.num_rows)):
            kept = taken(kept, np.array(found.kept, np.int64))
        if not fresh.num_rows:
            return kept.cast(STATE_SCHEMA)
        both = pa.concat_tables([kept, fresh])
        paths = listed_texts(both["relative_path"])
        order = sorted(range(len(paths)), key=paths.__getitem__)
        return taken(both, np.array(order, np.int64))
