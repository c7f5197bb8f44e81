"""What differs between the channels of two locks, by channel: added, removed, changed.

Here belongs what the locks alone tell. Which files differ is `compare`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from opendata.wire.bundle import LockedChannel
from opendata.wire.words import counted, human_bytes

Kind = Literal["added", "removed", "changed", "same"]


@dataclass(frozen=True)
class ChannelPair:
    """One channel as two locks have it; None on the side that has it not."""

    channel: str
    before: LockedChannel | None
    after: LockedChannel | None

    @property
    def kind(self) -> Kind:
        """What became of it; `same` only if it gives the same files for certain."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if _content(self.before) != _content(self.after) else "same"


def pair_channels(
    before: Sequence[LockedChannel], after: Sequence[LockedChannel]
) -> list[ChannelPair]:
    """Every channel of either lock, in the order of their names."""
    old = {one.channel: one for one in before}
    new = {one.channel: one for one in after}
    return [ChannelPair(name, old.get(name), new.get(name)) for name in sorted(old | new)]


def describe_changes(before: Sequence[LockedChannel], after: Sequence[LockedChannel]) -> list[str]:
    """What differs, a phrase a channel."""
    return [phrase for pair in pair_channels(before, after) for phrase in _phrases(pair)]


def _content(one: LockedChannel) -> tuple[object, ...]:
    return one.version, one.data_range, one.checksum


def _phrases(pair: ChannelPair) -> Iterator[str]:
    old, new = pair.before, pair.after
    if old is None and new is not None:
        yield f"{pair.channel} {new.version} comes in ({counted(new.file_count, 'file')})"
    elif new is None and old is not None:
        yield f"{pair.channel} {old.version} goes"
    elif old is not None and new is not None and pair.kind == "changed":
        yield f"{pair.channel}: {', '.join(_differences(old, new))}"


def _differences(old: LockedChannel, new: LockedChannel) -> Iterator[str]:
    if old.version != new.version:
        yield f"version {old.version} becomes {new.version}"
    if old.data_range != new.data_range:
        yield f"the range becomes {_range(new)}"
    counts = (old.file_count, old.total_bytes), (new.file_count, new.total_bytes)
    if counts[0] != counts[1]:
        yield (
            f"{counted(old.file_count, 'file')} of {human_bytes(old.total_bytes)} become "
            f"{counted(new.file_count, 'file')} of {human_bytes(new.total_bytes)}"
        )
    elif (old.version, old.data_range) == (new.version, new.data_range):
        yield f"other files, as many ({counted(new.file_count, 'file')})"


def _range(one: LockedChannel) -> str:
    start, end = one.data_range.start_time, one.data_range.end_time
    return f"{start or 'the beginning'} to {end or 'the end'}"
