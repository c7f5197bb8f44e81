"""Hashing files again, and saying of each whether its bytes are those of the index.

Several at once, each in pieces, so that memory is bounded by their number. A file that has other
bytes than it should is read twice: one bad reading is no damage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from dataplatform.bundles.watch.damage import DamagedFile
from dataplatform.channels.ports import ChannelFiles
from opendata.stores.parallel import in_parallel
from opendata.wire.digest import prefixed
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

HASHED_AT_ONCE: Final = 8
State = Literal["sound", "altered", "gone", "unreadable", "unknown"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as an index says that it is; `size` in bytes."""

    path: str
    checksum: str
    size: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What hashing a file gave. `unknown` is a file that could not be had now: the place did not
    answer, or it kept changing; nothing is concluded from that. `version` is that of `StoredFile`,
    as of the bytes that were read."""

    wanted: Wanted
    state: State
    found: str | None = None
    reason: str | None = None
    version: str | None = None

    def damage(self, at: str) -> DamagedFile | None:
        """The damage that this is, if it is any."""
        if self.state == "sound" or self.state == "unknown":
            return None
        return DamagedFile(
            path=self.wanted.path,
            expected=self.wanted.checksum,
            kind=self.state,
            found_at=at,
            found=self.found,
            reason=self.reason,
        )


def hash_again(files: ChannelFiles, wanted: Iterable[Wanted]) -> Iterator[Looked]:
    """Hash files again, in the order in which they are given."""
    return in_parallel(lambda one: _look(files, one), wanted, HASHED_AT_ONCE)


def settled(files: ChannelFiles, looked: Sequence[Looked]) -> list[Looked]:
    """What can be concluded from hashing some files of one place.

    Files are gone only if their place is there: a disk that is not mounted has lost none. And where
    not one of several files may be read, that is about the place, and not about the files.
    """
    looked = list(looked)
    if len(looked) > 1 and all(one.state == "unreadable" for one in looked):
        return [replace(one, state="unknown") for one in looked]
    if any(one.state == "gone" for one in looked):
        try:
            files.listing()
        except OpenDataError as error:
            return [
                replace(one, state="unknown", reason=error.message) if one.state == "gone" else one
                for one in looked
            ]
    return looked


def _look(files: ChannelFiles, wanted: Wanted) -> Looked:
    looked = _look_once(files, wanted)
    if looked.state in ("altered", "unknown"):
        return _look_once(files, wanted)
    return looked


def _look_once(files: ChannelFiles, wanted: Wanted) -> Looked:
    try:
        hashed = files.hash(wanted.path)
    except NotFound as error:
        return Looked(wanted, "gone", reason=error.message)
    except (Denied, InvalidInput) as error:
        return Looked(wanted, "unreadable", reason=error.message)
    except Unavailable as error:
        return Looked(wanted, "unknown", reason=error.message)
    found = prefixed(hashed.sha256)
    state: State = "sound" if found == wanted.checksum else "altered"
    return Looked(wanted, state, found, version=hashed.file.version)
