"""The sensor's look at the spec repository: what it asks for now, and where it goes on.

Here belongs the cursor. It moves past a commit only when every request up to it was asked for, or
is known to have been by a hook; so whoever is killed in the middle asks again. Much at once is
asked for in parts, in the order of paths, while new commits may come in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from dataplatform.bundles.changes import Found, find_requests
from dataplatform.bundles.claims import LEASE, sensors_turn
from dataplatform.bundles.requests import BundleRequest
from dataplatform.ports import SpecRepo
from opendata.stores.port import ObjectStore

AT_ONCE: Final = 100
"""Requests of one look. Each costs the daemon a tenth of a second and more."""


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the sensor has come. `commit` is handled; while there is more up to `until` than one
    look asks for, `after` is the last path asked for. `waiting` are requests that a hook has
    claimed and not launched yet."""

    commit: str | None = None
    until: str | None = None
    after: str | None = None
    waiting: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self == Cursor(self.commit):
            return self.commit or ""
        return msgspec.json.encode(self).decode()


def read_cursor(text: str | None) -> Cursor:
    """The cursor in what was stored; text that is none counts as the very first look."""
    if not text:
        return Cursor()
    if not text.startswith("{"):
        return Cursor(text)
    try:
        return msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError:
        return Cursor()


@dataclass(frozen=True)
class Look:
    """What one look found: `ask` for these runs and store `cursor`. `more` are requests that the
    next look goes on with, `left` those that a hook has launched, `deleted` files that are gone."""

    cursor: Cursor
    head: str
    ask: tuple[BundleRequest, ...]
    left: tuple[BundleRequest, ...]
    more: int
    deleted: tuple[str, ...]
    rescanned: bool


def look_at(
    repo: SpecRepo, store: ObjectStore, cursor: Cursor, now: datetime, *, at_once: int = AT_ONCE
) -> Look:
    """Look for requests, claim them and say which to ask for.

    Raises:
        Unavailable, Denied, NotFound: as the repository and the store do. The cursor stays then;
            what was claimed already is asked for next time.
    """
    found = find_requests(repo, cursor.commit)
    pending = [one for one in found.requests if cursor.after is None or one.path > cursor.after]
    pending.sort()
    now_asked = pending[:at_once]
    turns = {
        one: sensors_turn(store, one, now, LEASE)
        for one in [*_still_waiting(cursor, found), *now_asked]
    }
    waiting = tuple((one.path, one.commit) for one, turn in turns.items() if turn == "wait")
    return Look(
        cursor=_next(cursor, found, pending, now_asked, waiting),
        head=found.head,
        ask=tuple(one for one, turn in turns.items() if turn == "ask"),
        left=tuple(one for one, turn in turns.items() if turn == "leave"),
        more=len(pending) - len(now_asked),
        deleted=found.deleted,
        rescanned=found.rescanned,
    )


def _still_waiting(cursor: Cursor, found: Found) -> Iterator[BundleRequest]:
    """What a hook was about to launch, but for what another commit has overtaken since."""
    overtaken = {one.path: one.commit for one in found.requests}
    for path, commit in cursor.waiting:
        if overtaken.get(path, commit) == commit and path not in found.deleted:
            yield BundleRequest(path, commit)


def _next(
    cursor: Cursor,
    found: Found,
    pending: list[BundleRequest],
    asked: list[BundleRequest],
    waiting: tuple[tuple[str, str], ...],
) -> Cursor:
    # The head of the first look and not today's: what was pushed since may have touched paths that
    # were asked for already.
    until = cursor.until or found.head
    if len(asked) == len(pending):
        return Cursor(until, waiting=waiting)
    return Cursor(cursor.commit, until, asked[-1].path, waiting)
