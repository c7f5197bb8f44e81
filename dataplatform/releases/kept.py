"""Kept: the bytes that a release was made of, stored as objects so that it can be reproduced.

Here belongs what is kept and when: the producer's two files always, since they are small, and what
it fetched where `release.keep_sources` lets it. The same bytes are one object, however many
releases name them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dataplatform.contracts.model import KeepSources
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.producer import Producer
from dataplatform.datasets.producing import FetchedFile
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.objects import put_object, put_object_at
from opendata.stores.parallel import in_parallel
from opendata.stores.port import LocalFile, ObjectStore
from opendata.wire import keys
from opendata.wire.digest import parse_digest
from opendata.wire.words import human_bytes

AUTO_BYTES: Final = 32 << 20
"""What `auto` keeps of one run at most; a larger run is reproduced from a mirror or the source."""


class Keeper:
    """Stores what one build is made of, and remembers under which keys."""

    def __init__(
        self, store: ObjectStore, producer: Producer, log: Callable[[str, str], None]
    ) -> None:
        self._store = store
        self._definition = producer.definition
        self._log = log
        self._producer_files = producer.files
        self._sources: list[str] = []

    def keep_sources(self, files: Sequence[FetchedFile]) -> None:
        """Store what a run has fetched, all of it or nothing."""
        unique = {parse_digest(file.source.sha256): file for file in files}
        reason = _why_not(self._definition, sum(f.source.size_bytes for f in unique.values()))
        if reason is not None:
            self._log("debug", f"the fetched bytes are not kept: {reason}")
            return

        def store(digest: str) -> str:
            file = unique[digest]
            size = file.source.size_bytes
            return put_object_at(self._store, keys.object_key(digest), LocalFile(file.path), size)

        self._sources = list(in_parallel(store, unique))

    def stored(self) -> list[str]:
        """The keys of all that is kept; the producer's files are stored now."""
        return [*(put_object(self._store, data) for data in self._producer_files), *self._sources]


def kept_by(keeper: Keeper | None, pending: Candidate | None) -> tuple[str, ...]:
    """What is kept for this build, and was for the parts that it is put together with."""
    before = pending.kept if pending is not None else ()
    now = keeper.stored() if keeper is not None else []
    return tuple(sorted({*before, *now}))


def _why_not(definition: DatasetDefinition, size_bytes: int) -> str | None:
    policy = definition.release.keep_sources or KeepSources.AUTO
    if policy is KeepSources.NEVER:
        return "release.keep_sources is never"
    if policy is KeepSources.ALWAYS:
        return None
    if definition.secrets:
        return "they came with a secret, and release.keep_sources is not always"
    if size_bytes > AUTO_BYTES:
        return f"they are {human_bytes(size_bytes)}, and release.keep_sources is not always"
    return None
