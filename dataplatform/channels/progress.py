"""How far indexing is, told to whoever wants to show it."""

from __future__ import annotations

from typing import Final, Protocol


class Progress(Protocol):
    """Is told what there is to do, then what was done. Called from one thread."""

    def begin(self, files: int, size_bytes: int) -> None:
        """So much has to be read, and nothing of it has been."""
        ...

    def advance(self, files: int, size_bytes: int) -> None:
        """So much more has been read."""
        ...


class _NoProgress:
    """Shows nothing."""

    def begin(self, files: int, size_bytes: int) -> None:
        """Nothing to show."""

    def advance(self, files: int, size_bytes: int) -> None:
        """Nothing to show."""


NO_PROGRESS: Final[Progress] = _NoProgress()
