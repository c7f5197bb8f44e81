"""What asks for a bundle: one file of the spec repository at one commit.

Here belongs the value that sensor, webhook and command line pass on, and how it names a run and a
partition. Which commits ask for what is `changes`'s; reading the file is `parse`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from opendata.wire.bundle import BundleRef, parse_bundle_ref

BUNDLES_FOLDER: Final = "bundles"
_ENDING: Final = ".yaml"
#: What a partition key may not hold, with `%`, so that two paths never share a partition.
_ESCAPED: Final = re.compile(r"[%|\x00-\x1f\x7f\udc80-\udcff]|\.\.\.", re.ASCII)
#: What no path in git holds: NUL, and surrogates that stand for no byte.
_NOWHERE: Final = re.compile(r"[\x00\ud800-\udc7f\udd00-\udfff]")


@dataclass(frozen=True, order=True)
class BundleRequest:
    """A bundle's spec and the commit that it is read at.

    Make one with `changes.canonical_request`, so that everyone who looks names the same commit
    (requirement B5): then `run_key` is the same too, and nothing is done twice.
    """

    path: str
    commit: str

    @property
    def run_key(self) -> str:
        """`<commit>:<path>`: at most one run is made for it. Bytes that are no text are escaped."""
        return f"{self.commit}:{printable(self.path)}"

    @property
    def ref(self) -> BundleRef:
        """Which bundle the path names.

        Raises:
            InvalidInput: if it names none.
        """
        return parse_bundle_ref(self.path)

    @property
    def partition(self) -> str:
        """The path without `bundles/` and `.yaml`: the partition's name.

        Depends on the path alone and exists for every path, so that a file with an impossible name
        has a run in which its mistake is told.
        """
        bare = self.path.removeprefix(f"{BUNDLES_FOLDER}/").removesuffix(_ENDING)
        return _ESCAPED.sub(_escape, bare)


def is_bundle_file(path: str) -> bool:
    """Whether a path is one of `bundles/**/*.yaml` (requirement S0-3), written as git writes it."""
    parts = path.split("/")
    if parts[0] != BUNDLES_FOLDER or not parts[-1].endswith(_ENDING) or len(parts) < 2:
        return False
    return not (_NOWHERE.search(path) or {"", ".", ".."} & set(parts))


def printable(path: str) -> str:
    """A path as text that can be stored and shown: bytes that are no UTF-8 as `\\xNN`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _escape(match: re.Match[str]) -> str:
    data = match.group().encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in data)
