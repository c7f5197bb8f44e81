"""Marks: what happens to a release after it was frozen (requirements S4-53, S4-54, S4-55, B2).

Nothing frozen is ever rewritten, so what is said about a release later stands in objects of its
own beside it: it was hardened, it was withdrawn (yanked), the withdrawal was lifted. Each is
written once, if absent. A withdrawal can be lifted and made again: `yank`, `unyank`, `yank-2`,
`unyank-2` and so on, of which the last that is there holds.

Here belong the stored value, its names, and what it makes of a release's freeze. Reading marks is
`opendata.reading.marks`'s, writing them the platform's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import Freeze
from opendata.wire.times import format_instant, parse_instant

MARK_FORMAT = "opendata-mark/1"
MarkKind = Literal["hard", "yank", "unyank"]
Cause = Literal["declared", "early", "window"]


class Mark(Wire):
    """One thing that was said of a release after it was frozen.

    `manifest_sha256` names the very manifest it is about. `generation` is the pointer's when it was
    said, so that a later move of the pointer can be told from an earlier one. `cause` says why a
    release is hard, `moved_to` where readers were sent when it was withdrawn. `signature` is a DSSE
    envelope, or null where no key was configured; times are ISO 8601 in UTC.
    """

    id: str
    release: str
    manifest_sha256: str
    mark: MarkKind
    at: str
    by: str
    generation: int
    reason: str | None = None
    cause: Cause | None = None
    moved_to: str | None = None
    signature: dict[str, Any] | None = None
    signed_by: str | None = None
    format: str = MARK_FORMAT


decoder_of(Mark)


@dataclass(frozen=True)
class FreezeState:
    """How a release is frozen at a given moment.

    `since` is when it became hard, `until` when its observation window ends; a soft one has no
    `since`. A hard release gets no hot fix. One that was hard before its window ran out, or had
    none from the beginning, closes its line as well: no later release shares major and minor.
    """

    mode: Literal["soft", "hard"]
    cause: Cause | None = None
    since: str | None = None
    until: str | None = None

    @property
    def closes_line(self) -> bool:
        """Whether only side releases may follow, beside this one's line."""
        return self.cause in ("declared", "early")

    def __str__(self) -> str:
        if self.mode == "soft":
            return f"soft until {self.until}"
        return f"hard since {self.since}"

    def to_json(self) -> dict[str, Any]:
        """The state by name."""
        return {
            "state": self.mode,
            "cause": self.cause,
            "since": self.since,
            "until": self.until,
            "closes_line": self.closes_line,
        }


def freeze_state(freeze: Freeze, hard: Mark | None, now: datetime) -> FreezeState:
    """What a release's own freeze, a hard mark and the clock make of it (S4-53, S4-54). Pure.

    A window that has run out counts at once, whether or not a mark says so yet.
    """
    if freeze.mode == "hard":
        return FreezeState("hard", "declared", freeze.frozen_at)
    until = freeze.observation_until or freeze.frozen_at
    if hard is not None and hard.cause == "early":
        return FreezeState("hard", "early", hard.at, until)
    if hard is not None or parse_instant(until) <= now:
        return FreezeState("hard", "window", until, until)
    return FreezeState("soft", until=until)


def yank_mark_name(times_before: int, kind: Literal["yank", "unyank"]) -> str:
    """The name of a withdrawal, or of its lifting, after so many earlier ones."""
    return kind if times_before == 0 else f"{kind}-{times_before + 1}"


def new_mark(
    release: tuple[str, str, str],
    kind: MarkKind,
    *,
    at: datetime,
    by: str,
    generation: int,
    reason: str | None = None,
    cause: Cause | None = None,
    moved_to: str | None = None,
) -> Mark:
    """An unsigned mark; `release` is the data set's id, the version and the manifest's digest."""
    id, version, manifest_sha256 = release
    return Mark(
        id=id,
        release=version,
        manifest_sha256=manifest_sha256,
        mark=kind,
        at=format_instant(at),
        by=by,
        generation=generation,
        reason=reason,
        cause=cause,
        moved_to=moved_to,
    )


def read_mark_bytes(data: bytes, what: str) -> Mark:
    """Read a stored mark.

    Raises:
        Corrupt: if it is malformed or of an unknown format.
    """
    mark = read_wire(Mark, data, what)
    if mark.format != MARK_FORMAT:
        raise Corrupt(
            f"{what} has the format {mark.format!r}; this version reads {MARK_FORMAT}",
            code="unknown_format",
            hint="a newer version of opendata may be needed",
            details={"object": what},
        )
    return mark
