"""A tiny model of a data set's life, that real stores are compared with after every step.

It knows numbers, values, who is current, how the pointer moved, what is hard, what is withdrawn and
what time it is. It is written from the rules as people are told them, not from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW = timedelta(days=7)
Number = tuple[int, int, int]
Rows = tuple[float, ...]


@dataclass
class ModelRelease:
    """One frozen release: its rows, what was current when it was frozen, and what became of it."""

    rows: Rows
    follows: Number | None
    until: datetime
    published: int | None = None
    """The move of the pointer that published it."""
    hard_early: bool = False
    yanked: bool = False


@dataclass
class Model:
    """The whole data set."""

    releases: dict[Number, ModelRelease] = field(default_factory=dict)
    moves: list[tuple[str, Number]] = field(default_factory=list)

    @property
    def current(self) -> Number | None:
        """What readers get."""
        return self.moves[-1][1] if self.moves else None

    @property
    def published(self) -> list[Number]:
        """All that readers ever got."""
        return [n for n, one in self.releases.items() if one.published is not None]

    def is_hard(self, number: Number, now: datetime) -> bool:
        """Whether a release gets no hot fix any more."""
        one = self.releases[number]
        return one.hard_early or one.until <= now

    def number_for(self, rows: Rows) -> Number | str:
        """Which number rows would be frozen under, or why not."""
        if self.current is None:
            return self._first_free(rows, (1, 0, 0), set())
        current = self.releases[self.current]
        if current.rows == rows:
            return "unchanged"
        closed = {self.current} if current.hard_early else set()
        return self._first_free(rows, _after(self.current), closed)

    def _first_free(self, rows: Rows, start: Number, closed: set[Number]) -> Number | str:
        taken: set[Number] = set()
        while (number := _beside(_free(start, taken), closed, taken)) in self.releases:
            there = self.releases[number]
            if there.rows == rows:
                if there.published is not None:
                    return "rolled back"
                if there.follows == self.current:
                    return number
            taken.add(number)
            if there.hard_early:
                closed.add(number)
        return number

    def freeze(self, number: Number, rows: Rows, now: datetime) -> None:
        """Rows got a number, unless an earlier attempt had given it to them already."""
        self.releases.setdefault(number, ModelRelease(rows, self.current, now + WINDOW))

    def kind_of(self, number: Number, now: datetime) -> str:
        """What publishing a frozen release is called, or why it is refused."""
        one = self.releases[number]
        if one.published is not None:
            return "done"
        if one.follows != self.current:
            return "superseded"
        if self.current is None or number[:2] != self.current[:2]:
            return "publish"
        current = self.releases[self.current]
        if current.hard_early:
            return "line closed"
        is_correction = one.rows[: len(current.rows)] != current.rows
        return "hotfix" if is_correction and not self.is_hard(self.current, now) else "publish"

    def publish(self, number: Number, kind: str) -> None:
        """The pointer moved on."""
        self.moves.append((kind, number))
        self.releases[number].published = len(self.moves)

    def roll_back(self, target: Number) -> None:
        """The pointer moved to a release that readers had before, whatever came after it is bad."""
        self.moves.append(("rollback", target))
        base = self.releases[target].published or 0
        for one in self.releases.values():
            if one.published is not None and one.published > base:
                one.yanked = True
        self.releases[target].yanked = False

    def states(self, now: datetime) -> Iterator[tuple[str, str, str]]:
        """Each release's number, state and freeze, newest first."""
        for number in sorted(self.releases, reverse=True):
            one = self.releases[number]
            state = "published" if one.published is not None else "frozen"
            state = "yanked" if one.yanked else state
            state = "current" if number == self.current else state
            freeze = "hard" if self.is_hard(number, now) else "soft"
            yield ".".join(map(str, number)), state, freeze


def _after(number: Number) -> Number:
    return number[0], number[1], number[2] + 1


def _free(number: Number, taken: set[Number]) -> Number:
    while number in taken:
        number = _after(number)
    return number


def _beside(number: Number, closed: set[Number], taken: set[Number]) -> Number:
    """Past every line that a release on the way has closed."""
    for one in sorted(closed):
        if number[:2] == one[:2]:
            number = _free((one[0], one[1] + 1, 0), taken)
    return number
