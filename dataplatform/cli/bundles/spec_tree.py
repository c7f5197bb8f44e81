"""A working tree of the spec repository, as commands that propose specs see it.

Here belongs finding that folder, and writing files that are not there. Nothing is overwritten and
nothing is committed: that is for whoever has read what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opendata.wire.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from dataplatform.bundles.adopt import NewFile
    from dataplatform.settings import Settings


class SpecTree:
    """A working tree: its files are read, and new ones are written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """What documents call the repository."""
        return self.root.resolve().name

    @property
    def is_repository(self) -> bool:
        """Whether git knows it."""
        around = self.root.resolve()
        return any((one / ".git").exists() for one in (around, *around.parents))

    def read(self, path: str) -> str | None:
        """A file's text, or None where there is none."""
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def write(self, files: Sequence[NewFile]) -> None:
        """Write files that are not there.

        Raises:
            Conflict: if one came there meanwhile.
        """
        for file in files:
            place = self.root / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with place.open("x", encoding="utf-8") as written:
                    written.write(file.text)
            except FileExistsError as error:
                raise Conflict(f"{place} came there meanwhile", code="spec_exists") from error


def find_spec_tree(settings: Settings, into: str | None, proposed: str | None = None) -> SpecTree:
    """The tree that was named, else the one that OPENDATA_SPEC_REPO names, if it is a folder; else
    the one that is proposed to who only looks.

    Raises:
        InvalidInput: code `no_spec_folder`, if there is neither.
    """
    if into is not None:
        return SpecTree(Path(into).expanduser())
    named = settings.spec_repo
    if named and "://" not in named and (Path(named) / ".git").exists():
        return SpecTree(Path(named))
    if proposed is not None:
        return SpecTree(Path(proposed))
    raise InvalidInput(
        "there is no working tree to write specs into",
        code="no_spec_folder",
        hint="add --into FOLDER, the working tree of your spec repository; it is made if need be",
    )
