"""The sensor's look at the spec repository: what it asks for now, and where it goes on.

Here belongs the cursor. It moves past a commit only when every request up to it was asked for, or
is known to have been by a hook; so whoever is killed in the middle asks again. Much at once is
asked for in parts, in the order of paths, as it was at one commit; what is pushed meanwhile comes
after that, so every file has been asked for as it was at the commit that the cursor names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from dataplatform.bundles.changes import Found, find_requests
from dataplatform.bundles.claims import LEASE, HasRun, sensors_turn
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
    repo: SpecRepo,
    store: ObjectStore,
    cursor: Cursor,
    now: datetime,
    *,
    at_once: int = AT_ONCE,
    has_run: HasRun = lambda run_id: True,
) -> Look:
    """Look for requests, claim them and say which to ask for.

    Raises:
        Unavailable, Denied, NotFound: as the repository and the store do. The cursor stays then;
            what was claimed already is asked for next time.
    """
    head = repo.head()
    if cursor.until is not None and not repo.is_ancestor(cursor.until, head):
        # The history was rewritten in the middle of a backlog: what it was of is not all there.
        cursor = Cursor(cursor.commit, waiting=cursor.waiting)
    found = find_requests(repo, cursor.commit, cursor.until or head)
    pending = [one for one in found.requests if cursor.after is None or one.path > cursor.after]
    pending.sort()
    now_asked = pending[:at_once]
    gone = found.deleted if len(now_asked) == len(pending) else ()
    turns = {
        one: sensors_turn(store, one, now, LEASE, has_run)
        for one in [*_still_waiting(cursor, now_asked, gone), *now_asked]
    }
    waiting = tuple((one.path, one.commit) for one, turn in turns.items() if turn == "wait")
    return Look(
        cursor=_next(cursor, found, pending, now_asked, waiting),
        head=head,
        ask=tuple(one for one, turn in turns.items() if turn == "ask"),
        left=tuple(one for one, turn in turns.items() if turn == "leave"),
        more=len(pending) - len(now_asked),
        deleted=found.deleted,
        rescanned=found.rescanned,
    )


def _still_waiting(
    cursor: Cursor, asked: Iterable[BundleRequest], gone: Collection[str]
) -> Iterator[BundleRequest]:
    """What a hook was about to launch, but for what another commit has overtaken by now."""
    overtaken = {one.path: one.commit for one in asked}
    for path, commit in cursor.waiting:
        if overtaken.get(path, commit) == commit and path not in gone:
            yield BundleRequest(path, commit)


def _next(
    cursor: Cursor,
    found: Found,
    pending: list[BundleRequest],
    asked: list[BundleRequest],
    waiting: tuple[tuple[str, str], ...],
) -> Cursor:
    if len(asked) == len(pending):
        return Cursor(found.head, waiting=waiting)
    return Cursor(cursor.commit, found.head, asked[-1].path, waiting)
