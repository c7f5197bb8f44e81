"""Describing files on this machine, with every core at work.

Hashing a large file lets go of Python's lock, so that threads are all it takes. Many small ones are
hashed in processes beside this one, each asked by a thread for a hundred or two at a time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

from dataplatform.adapters.channel_files.folder import FolderFiles
from dataplatform.adapters.channel_files.hash_processes import HashProcesses
from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.channels.describe import Describer, sources_of
from dataplatform.channels.ports import (
    ChannelFiles,
    DescribeTask,
    MetadataReader,
    Outcome,
    StoredFile,
)
from dataplatform.channels.read import describe_all, describe_hashed
from dataplatform.channels.spec import ChannelSpec, Pattern

CHUNK_FILES: Final = 256
CHUNK_BYTES: Final = 64 << 20
PROCESSES_FROM_FILES: Final = 1000
"""For so many files a core, starting a process for each pays."""
THREADS_FOR_NETWORK: Final = 16
"""Files behind a network are waited for more than they are worked on."""

OpenFiles = Callable[[str, Mapping[str, str]], ChannelFiles]


class LocalEngine:
    """Describes files here and now.

    Args:
        root: What a relative `storage_path` is relative to.
        open_files: Opens the place of a `storage_path` instead.
        threads: How many at once; by default as many as there are cores.
    """

    def __init__(
        self, *, root: str, open_files: OpenFiles | None = None, threads: int | None = None
    ) -> None:
        self._open = open_files or (
            lambda storage_path, environ: open_channel_files(storage_path, environ, root=root)
        )
        self._threads = threads

    @property
    def name(self) -> str:
        """`local`."""
        return "local"

    def describe(
        self, task: DescribeTask, files: Sequence[StoredFile]
    ) -> Iterator[Sequence[Outcome]]:
        """One outcome for each file, in batches of neighbours."""
        spec = ChannelSpec.model_validate(dict(task.spec))
        place = self._open(task.storage_path, task.environ)
        describer = Describer(spec, _readers(spec.pattern))

        threads = self._threads or _threads(place)
        with ExitStack() as stack:
            work = _worker(stack, place, describer, task, files, threads)
            pool = stack.enter_context(ThreadPoolExecutor(threads, "describe"))
            waiting: deque[Future[Sequence[Outcome]]] = deque()
            try:
                for chunk in chunks_of(files):
                    waiting.append(pool.submit(work, chunk))
                    while waiting and (waiting[0].done() or len(waiting) > 2 * threads):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _worker(
    stack: ExitStack,
    place: ChannelFiles,
    describer: Describer,
    task: DescribeTask,
    files: Sequence[StoredFile],
    threads: int,
) -> Callable[[Sequence[StoredFile]], Sequence[Outcome]]:
    """What a thread does with a chunk: read it itself, or have a process of its own hash it."""
    are_many = len(files) >= PROCESSES_FROM_FILES * max(threads, 2)
    if threads < 2 or not are_many or describer.needs_content or not isinstance(place, FolderFiles):
        return lambda chunk: describe_all(place, describer, chunk, task.digests)
    processes = stack.enter_context(HashProcesses(place.url, threads))

    def work(chunk: Sequence[StoredFile]) -> Sequence[Outcome]:
        if chunk[0].size > CHUNK_BYTES // 4:  # large ones are hashed here: threads are no worse
            return describe_all(place, describer, chunk, task.digests)
        return describe_hashed(place, describer, chunk, processes.hash(chunk))

    return work


def chunks_of(files: Sequence[StoredFile]) -> Iterator[Sequence[StoredFile]]:
    """Neighbouring files, so many that a thread has enough to do and the last has not too much."""
    start, size = 0, 0
    for at, file in enumerate(files):
        if at > start and (at - start == CHUNK_FILES or size + file.size > CHUNK_BYTES):
            yield files[start:at]
            start, size = at, 0
        size += file.size
    if start < len(files):
        yield files[start:]


def _readers(pattern: Pattern) -> Mapping[str, MetadataReader]:
    if not sources_of(pattern):
        return {}
    from dataplatform.adapters.metadata_readers.opening import open_readers

    return open_readers(pattern)


def _threads(place: ChannelFiles) -> int:
    cores = len(os.sched_getaffinity(0))
    return max(cores, THREADS_FOR_NETWORK) if place.url.startswith("s3:") else cores
