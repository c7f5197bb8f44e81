"""Files for training: what an `IterableDataset` is, without needing torch.

A `DataLoader` takes it as it is (`batch_size=None`, since batches are made here); so does a plain
loop. Which files a worker sees belongs in `shuffling`, how they are had by number in `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from opendata._index_client.ports import Ask, FileSource
from opendata._index_client.records import FileList, FileRecord, Origin
from opendata._index_client.rows import NumberedFiles, number_files
from opendata._index_client.shuffling import Numbers, Share
from opendata.reading.file_index.batches import check_batch_size
from opendata.reading.file_index.schema import no_files
from opendata.wire.errors import Conflict, InvalidInput

STATE_FORMAT: Final = "opendata-iterable/1"
ReadBytes = Callable[[Sequence[FileRecord]], list[bytes]]


@dataclass(frozen=True)
class Plan:
    """In which order, in batches of what size, and which share of it."""

    batch_size: int
    seed: int | None
    epoch: int
    index: int
    count: int

    def __post_init__(self) -> None:
        check_batch_size(self.batch_size)
        if not 0 <= self.index < self.count:
            raise InvalidInput(
                f"({self.index}, {self.count}) is no share; the first of one is (0, 1)",
                code="invalid_shard",
            )


class BundleIterable:
    """The files of one channel in batches, for training.

    Shares of the same `count` are disjoint, are all files together, and differ by one file at most
    in size. With a seed the order is shuffled, differently in every epoch and equally on every
    machine: blocks of files, the files in each, and then a few blocks of a share together. Memory
    is bounded by those few blocks.

    `state_dict` and `load_state_dict` go on where an iteration stopped; `set_epoch` begins the
    next. Inside a worker of a `DataLoader` the share is divided among the workers.
    """

    def __init__(
        self, source: FileSource, ask: Ask, plan: Plan, read: ReadBytes | None = None
    ) -> None:
        self._source = source
        self._ask = ask
        self._plan = plan
        self._read = read
        self._taken = 0
        self._numbered: NumberedFiles | None = None

    @property
    def files(self) -> int:
        """How many files the share has."""
        return len(self._share())

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.files // self._plan.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch, at its first file."""
        self._plan = replace(self._plan, epoch=epoch)
        self._taken = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the iteration is: plain values, to be saved with a model."""
        plan = self._plan
        return {
            "format": STATE_FORMAT,
            "lock_sha256": self._ask.bundle.lock_sha256,
            "channel": self._ask.channel,
            "question": self._question(),
            "seed": plan.seed,
            "epoch": plan.epoch,
            "shard": [plan.index, plan.count],
            "files_taken": self._taken,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another one was.

        Raises:
            InvalidInput: if that is no state of such an iteration.
            Conflict: if it is of another bundle, question, seed or share.
        """
        if state.get("format") != STATE_FORMAT or not isinstance(state.get("files_taken"), int):
            raise InvalidInput("this is no state of an iteration", code="invalid_state")
        now = self.state_dict()
        for name in ("lock_sha256", "channel", "question", "seed", "shard"):
            if state.get(name) != now[name]:
                raise Conflict(
                    f"the state is of another {name.replace('_', ' ')}: {state.get(name)!r}, "
                    f"and not {now[name]!r}",
                    code="stale_state",
                    hint="begin the epoch again, or iterate over what the state is of",
                )
        self.set_epoch(int(state["epoch"]))
        self._taken = min(max(state["files_taken"], 0), self.files)

    def __iter__(self) -> Iterator[FileList]:
        """The batches from where the iteration is; after the last one, from the beginning."""
        numbered, origin = self._files(), Origin(self._ask.bundle, str(self._ask.channel))
        size = self._plan.batch_size
        waiting = no_files()
        for window in self._share().windows(self._taken):
            waiting = pa.concat_tables([waiting, _gather(numbered, window)])
            while waiting.num_rows >= size:
                yield self._batch(waiting.slice(0, size), origin)
                waiting = waiting.slice(size)
            waiting = waiting.combine_chunks()
        if waiting.num_rows:
            yield self._batch(waiting, origin)
        self._taken = 0

    def _batch(self, table: pa.Table, origin: Origin) -> FileList:
        self._taken += table.num_rows
        files = FileList(table, origin)
        if self._read is None:
            return files
        return FileList(table, origin, contents=self._read(list(files)))

    def _files(self) -> NumberedFiles:
        if self._numbered is None:
            self._numbered = number_files(self._source, self._ask)
        return self._numbered

    def _share(self) -> Share:
        plan = self._plan
        worker, workers = _torch_worker()
        return Share(
            total=len(self._files()),
            seed=plan.seed,
            epoch=plan.epoch,
            index=plan.index * workers + worker,
            count=plan.count * workers,
        )

    def _question(self) -> dict[str, Any]:
        query = self._ask.query
        return {
            "start": query.start.isoformat() if query.start else None,
            "end": query.end.isoformat() if query.end else None,
            "metadata": dict(sorted(query.metadata.items())),
        }


def _gather(numbered: NumberedFiles, window: Numbers) -> pa.Table:
    """The files of these numbers, in the order of the numbers; read run by run."""
    order = np.argsort(window, kind="stable")
    ascending = window[order]
    breaks = np.flatnonzero(np.diff(ascending) != 1) + 1
    runs = np.split(ascending, breaks)
    table = pa.concat_tables(
        [numbered.rows(int(run[0]), int(run[-1]) + 1) for run in runs]
    ).combine_chunks()
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    places = pa.Array.from_buffers(pa.int64(), len(back), [None, pa.py_buffer(back)])
    return table.take(places)


def _torch_worker() -> tuple[int, int]:
    """Which worker of a `DataLoader` this process is, and of how many; (0, 1) in none."""
    import sys

    torch = sys.modules.get("torch")
    utils = getattr(getattr(torch, "utils", None), "data", None)
    info = utils.get_worker_info() if utils is not None else None
    return (int(info.id), int(info.num_workers)) if info is not None else (0, 1)
