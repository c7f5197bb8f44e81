"""The port behind "run this main.py": what is asked of a runner, and what it answers.

Here belong the request, the outcome and the promise between them. How a process is started, fed,
watched and stopped is the adapter's business (`dataplatform.adapters.runner`); what happens to the
rows that arrive is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class ReleaseInput:
    """A published release that main.py may read (`context.previous`, `context.inputs[id]`)."""

    manifest: Mapping[str, Any]
    #: Paths of the verified Parquet shards in order; called on first use only, because most
    #: producers never look at what they published before.
    local_files: Callable[[], Sequence[str]]


@dataclass(frozen=True)
class FetchedSource:
    """Bytes that a release was built from: the provenance of a candidate."""

    url: str
    sha256: str
    size_bytes: int
    fetched_at: datetime
    mirrored: bool


@dataclass(frozen=True)
class FetchedFile:
    """A fetched source whose bytes still lie in a file, exactly as they came."""

    source: FetchedSource
    path: str


Keep = Callable[[Sequence[FetchedFile]], None]
"""Takes what a run that succeeded has fetched, before its files are gone."""


@dataclass(frozen=True)
class ProduceRequest:
    """One run of one producer.

    Args:
        main_path: The `main.py`; messages name it as it is given here.
        start_at: Begin of the asked interval, or None.
        end_at: End of the asked interval, or None.
        secrets: What the definition lists under `secrets:`, with its values; every other
            variable of the platform's environment is withheld, and these values are redacted
            wherever they would show.
        timeout_seconds: A run that takes longer is stopped and counts as a network failure.
        mirror: Folder or URL that answers `context.fetch` in place of the live sources.
        keep: Is handed the fetched files at the end, those that main.py has left as they were.
    """

    id: DatasetId
    main_path: str
    timeout_seconds: float
    start_at: datetime | None = None
    end_at: datetime | None = None
    previous: ReleaseInput | None = None
    inputs: Mapping[str, ReleaseInput] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    mirror: str | None = None
    keep: Keep | None = None


@dataclass(frozen=True)
class ProduceOutcome:
    """What came out of a run that succeeded.

    Args:
        schema: One schema for all batches, in plain layouts: a dictionary or view column arrives
            as what it stands for, so a change of library is not a change of type. Of a table
            without rows, which only a run that asked for an interval may give, its names count.
        sources: What was fetched, in order.
        tools: Versions in the process that produced the rows (`python`, `pyarrow`, and
            `environment` where main.py declares dependencies).
    """

    schema: pa.Schema
    row_count: int
    sources: tuple[FetchedSource, ...]
    tools: Mapping[str, str]


class ProducerRunner(Protocol):
    """Runs a main.py in a process of its own."""

    def run(
        self,
        request: ProduceRequest,
        receive: Callable[[pa.RecordBatch], None],
        log: Callable[[str, str], None],
    ) -> ProduceOutcome:
        """Run `produce(context)` and hand its rows over as they come.

        Args:
            receive: Takes each batch (at most 65,536 rows, one schema). What it got is worth
                nothing until `run` returns: a run may fail after its last batch.
            log: Takes `(level, line)` with level debug, info, warning or error; lines are
                bounded, free of control characters and redacted. Called from one thread at a time,
                though not always the same one.

        Raises:
            SourceUnavailable: class network; worth a retry.
            ProducerFailed: class parse, permission or upload.
            OpenDataError: as `receive` or `local_files` raised it, where our side failed.
        """
        ...
