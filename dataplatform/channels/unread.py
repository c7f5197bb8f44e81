"""The files that could not be described, and whether an index may go without them.

Here belongs the rule; and that so many of them are told as somebody may read, however many there
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

from dataplatform.channels.describe import UNMATCHED
from dataplatform.channels.ports import Unread
from dataplatform.channels.read import VANISHED
from dataplatform.channels.spec import ChannelSpec
from opendata.wire.errors import Rejected

SHOWN_MAX: Final = 20
TOLD_MAX: Final = 10_000
"""So many are told by name; the others are counted."""
_HARMLESS: Final = frozenset({VANISHED})
"""A file that has gone since it was listed is no file of the channel any more."""
_by_path: Final = attrgetter("file.path")


class UnreadFiles:
    """Collects the files of one channel that were not described."""

    def __init__(self, spec: ChannelSpec) -> None:
        self._spec = spec
        self._ignored = {UNMATCHED} if spec.pattern.unmatched == "ignore" else set()
        self._harmless: list[Unread] = []
        self._blocking: list[Unread] = []
        self._blocking_count = 0

    def add(self, unread: Iterable[Unread]) -> None:
        """Some more; those that the spec ignores are none."""
        for one in unread:
            if one.code in self._ignored:
                continue
            if one.code in _HARMLESS:
                if len(self._harmless) < TOLD_MAX:
                    self._harmless.append(one)
                continue
            self._blocking_count += 1
            if len(self._blocking) < TOLD_MAX:
                self._blocking.append(one)

    def left_out(self) -> tuple[Unread, ...]:
        """The files that the index goes without, in order of their paths.

        Raises:
            Rejected: code `unread_files`, if the spec does not let it.
        """
        blocking = sorted(self._blocking, key=_by_path)
        if not blocking or self._spec.on_unread == "leave_out":
            return tuple(sorted([*self._harmless, *blocking], key=_by_path))
        raise self._refusal(blocking)

    def _refusal(self, blocking: list[Unread]) -> Rejected:
        spec, count = self._spec, self._blocking_count
        lines = [f"  {one.file.path}: {one.reason}" for one in blocking[:SHOWN_MAX]]
        if count > SHOWN_MAX:
            lines.append(f"  and {count - SHOWN_MAX:,} more")
        return Rejected(
            f"{count:,} of the files of {spec.channel} {spec.version} could not be read, so "
            "the index stays as it was:\n" + "\n".join(lines),
            code="unread_files",
            hint=_hint(blocking),
            details={
                "channel": spec.channel,
                "version": str(spec.version),
                "count": count,
                "unread": [
                    {"path": one.file.path, "code": one.code, "reason": one.reason}
                    for one in blocking
                ],
            },
        )


def _hint(blocking: Sequence[Unread]) -> str:
    if any(one.code != UNMATCHED for one in blocking):
        return (
            "mend them and index again (what was read is kept), or write `on_unread: leave_out` "
            "into the channel's spec"
        )
    sidecars = all(one.file.path.endswith(".json") for one in blocking)
    say = '`sidecar: "{stem}.json"` if they tell of the others' if sidecars else "a path they match"
    return f"write into the spec's pattern {say}, or `unmatched: ignore` to go without them"
