"""Reading files at commits through one process: `git cat-file --batch`, kept while it is of use.

Here belongs the conversation with that process. A process per file costs some milliseconds each,
which is most of the time that a push of a thousand files takes to be read. It is started by the
first file, ends with whoever reads, and is started anew where it has ended.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from contextlib import ExitStack
from typing import Final

from dataplatform.adapters.git.program import SECONDS_LOCAL, Failure, Git

_COMMAND: Final = "cat-file"
_BLOCK: Final = 1 << 20


class BlobReader:
    """The files of one repository, by commit and path; for any number of threads.

    Args:
        git: The repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._batch: _Batch | None = None

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's bytes, or None where there is no file at the path: nothing, or a folder.

        Raises:
            Failure: if git ends, or does not answer in time.
        """
        name = f"{commit}:{path}".encode("utf-8", "surrogateescape")
        if b"\0" in name:
            return None
        if b"\n" in name or path.startswith(("./", "../")):
            # The one ends a question; for the others the whole process would end.
            return self._read_alone(name)
        with self._lock:
            batch = self._started()
            try:
                return batch.ask(name)
            except BaseException:
                batch.close()  # what it has still to say belongs to nobody
                raise

    def _started(self) -> _Batch:
        if self._batch is None or not self._batch.is_usable():
            self._batch = _Batch(self._git)
        return self._batch

    def _read_alone(self, name: bytes) -> bytes | None:
        try:
            return self._git.run(_COMMAND, "blob", name.decode("utf-8", "surrogateescape"))
        except Failure:
            return None


class _Batch:
    """One running process. It writes all of an answer before it reads on."""

    def __init__(self, git: Git) -> None:
        held = ExitStack()
        self._process = held.enter_context(git.conversing(_COMMAND, "--batch"))
        self._owner = os.getpid()
        self.close = weakref.finalize(self, _end, held, self._owner)
        self._rest = b""

    def is_usable(self) -> bool:
        """Whether it runs, and is this very process's own: not what a fork has copied."""
        return self._owner == os.getpid() and self.close.alive and self._process.poll() is None

    def ask(self, name: bytes) -> bytes | None:
        assert self._process.stdin is not None  # asked for as a pipe
        try:
            self._process.stdin.write(name + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Failure(_COMMAND, -1, f"it does not listen: {error}") from error
        header = self._line()
        words = header.rsplit(b" ", 2)
        if len(words) < 3 or not words[2].isdigit():
            return None  # `… missing`, `… ambiguous`
        data = self._exactly(int(words[2]) + 1)[:-1]
        return data if words[1] == b"blob" else None

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            self._rest += self._more()
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _exactly(self, count: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < count:
            parts.append(self._more())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._rest = whole[count:]
        return whole[:count]

    def _more(self) -> bytes:
        assert self._process.stdout is not None  # asked for as a pipe
        out = self._process.stdout.fileno()
        waiting = select.poll()
        waiting.register(out, select.POLLIN)
        if not waiting.poll(SECONDS_LOCAL * 1000):
            raise Failure(_COMMAND, -1, f"no answer after {SECONDS_LOCAL} s")
        block = os.read(out, _BLOCK)
        if not block:
            raise Failure(_COMMAND, self._process.poll() or -1, "it ended in the middle")
        return block


def _end(held: ExitStack, owner: int) -> None:
    if owner == os.getpid():
        held.close()
