"""Progress of indexing as steps: how much there is to read, and how far it is every few seconds.

Here belongs the rhythm in which it is told; how steps look is `opendata.cli.progress`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from opendata.wire.words import counted, human_bytes

TELL_SECONDS: Final = 10.0


class TellingProgress:
    """Tells how far the indexing of a channel is (`channels.progress.Progress`)."""

    def __init__(
        self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell, self._clock = tell, clock
        self._files = self._bytes = self._done_files = self._done_bytes = 0
        self._told_at = clock()

    def begin(self, files: int, size_bytes: int) -> None:
        """So much has to be read."""
        self._files, self._bytes = files, size_bytes
        self._done_files = self._done_bytes = 0
        self._told_at = self._clock()
        if files:
            self._tell(f"  reading {counted(files, 'file')} of {human_bytes(size_bytes)}")

    def advance(self, files: int, size_bytes: int) -> None:
        """So much more has been read."""
        self._done_files += files
        self._done_bytes += size_bytes
        if self._clock() - self._told_at < TELL_SECONDS or self._done_files >= self._files:
            return
        self._told_at = self._clock()
        done, total = human_bytes(self._done_bytes), human_bytes(self._bytes)
        self._tell(f"  {self._done_files:,} of {counted(self._files, 'file')}, {done} of {total}")
