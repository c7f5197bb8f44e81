"""Progress of indexing as steps: how much there is to read, and then every tenth of it.

Here belongs the rhythm in which it is told; how steps look is `opendata.cli.progress`'s.
"""

from __future__ import annotations

from collections.abc import Callable

from opendata.wire.words import counted, human_bytes

TENTHS = 10


class TellingProgress:
    """Tells how far the indexing of a channel is (`channels.progress.Progress`)."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._files = self._bytes = self._done_bytes = self._told = 0

    def begin(self, files: int, size_bytes: int) -> None:
        """So much has to be read."""
        self._files, self._bytes = files, size_bytes
        self._done_bytes = self._told = 0
        if files:
            self._tell(f"  reading {counted(files, 'file')} of {human_bytes(size_bytes)}")

    def advance(self, files: int, size_bytes: int) -> None:
        """So much more has been read."""
        self._done_bytes += size_bytes
        tenth = TENTHS * self._done_bytes // self._bytes if self._bytes else TENTHS
        if self._told < tenth < TENTHS:
            self._told = tenth
            done, total = human_bytes(self._done_bytes), human_bytes(self._bytes)
            self._tell(f"  {done} of {total}")
