"""Guessing the pattern of paths that nobody wrote one for, from a sample of them.

Here belongs taking paths apart (dates in folders and names, `key=value` folders, numbers, words)
and putting the parts that differ together as a pattern. A guess is a proposal: it counts what
matches, and a steward reads it before it is used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from dataplatform.channels.pattern import VARIABLE_MAX, PathPattern
from dataplatform.channels.pattern_text import PatternFault
from opendata.wire.errors import InvalidInput

Where = Literal["folder", "name"]
_YEARS: Final = range(1970, 2101)
_ORDER: Final = ("month", "day", "hour", "minute")
_RANGES: Final = {
    "month": range(1, 13), "day": range(1, 32), "hour": range(24), "minute": range(60),
}  # fmt: skip
_HIVE: Final = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.+)", re.ASCII)
_HIVE_TIMES: Final = {
    "year": "year", "yyyy": "year", "month": "month", "mm": "month", "day": "day", "dd": "day",
    "hour": "hour", "hh": "hour", "minute": "minute",
}  # fmt: skip
_DATE: Final = r"(?P<year>(?:19|20)\d\d)(?P<s1>[-_.]?)(?P<month>\d\d)(?P=s1)(?P<day>\d\d)"
_CLOCK: Final = (
    r"(?P<s2>[T_ -]?)(?P<hour>\d\d)(?P<s3>[-:._h]?)(?P<minute>\d\d)(?P<s4>[-:._m]?)(?P<second>\d\d)"
    r"(?:(?P<s5>\.?)(?:(?P<microsecond>\d{6})|(?P<millisecond>\d{3})))?"
)
_STAMP: Final = re.compile(rf"(?<!\d){_DATE}(?:{_CLOCK})?(?!\d)", re.ASCII)
_MONTH: Final = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<s1>[-_.])(?P<month>\d\d)", re.ASCII)
_EPOCH: Final = re.compile(r"(?<!\d)1\d{9}(?:\d{3}){0,3}(?!\d)", re.ASCII)
_SEPARATORS: Final = re.compile(r"([^A-Za-z0-9\x80-\U0010ffff]+)")
_PARTS: Final = (
    "year", "s1", "month", "s1", "day", "s2", "hour", "s3", "minute", "s4", "second", "s5",
    "microsecond", "millisecond",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a path: a fixed `text`, a part of a `time`, a `token` that may differ, or a `star`
    for what is passed over."""

    kind: Literal["text", "time", "token", "star"]
    value: str
    where: Where
    name: str = ""
    """Which part of a time; of a token, what it is to be called, where the path says so."""


@dataclass(frozen=True)
class Guess:
    """A pattern, and how many of the paths it was guessed from match; `finest` is the finest part
    of a time that it tells, or None."""

    pattern: str
    matched: int
    asked: int
    finest: str | None


def guess_pattern(paths: Sequence[str]) -> Guess | None:
    """The pattern that most of the paths match, and of those the one that tells most of the time.

    None where no two paths are made alike.
    """
    taken = [list(_pieces(path)) for path in paths]
    guesses = [
        guess
        for anywhere in (False, True)
        for times in (("folder", "name"), ("name",), ("folder",), ())
        if (guess := _guess(paths, taken, times, anywhere)) is not None
    ]
    if not guesses:
        return None
    most = max(guess.matched for guess in guesses)
    near = [guess for guess in guesses if guess.matched >= 0.99 * most]
    return max(near, key=lambda one: (_fineness(one.finest), one.matched))


def is_part_of_time(folder: str) -> bool:
    """Whether a folder at the top is a year, a date, or named `key=value`."""
    return _HIVE.fullmatch(folder) is not None or any(
        piece.kind == "time" for piece in _folder(folder, 0)
    )


def _guess(
    paths: Sequence[str], taken: Sequence[Sequence[_Piece]], times: Sequence[str], anywhere: bool
) -> Guess | None:
    """The guess that believes times where `times` says, and folders only unless `anywhere`."""
    made = [_believed(pieces, times) for pieces in taken]
    if anywhere:
        made = [[piece for piece in pieces if piece.where == "name"] for pieces in made]
    counts = Counter(_shape(pieces) for pieces in made)
    shape, _ = counts.most_common(1)[0]
    alike = [pieces for pieces in made if _shape(pieces) == shape]
    text = ("**/" if anywhere else "") + _text(alike)
    try:
        pattern = PathPattern(text)
    except PatternFault:
        return None
    matched = sum(_matches(pattern, path) for path in paths)
    told = {piece.name for piece in alike[0] if piece.kind == "time"}
    finest = max(told, key=_fineness, default=None)
    return Guess(text, matched, len(paths), finest) if matched else None


def _matches(pattern: PathPattern, path: str) -> bool:
    try:
        return pattern.match(path) is not None
    except InvalidInput:
        return False


def _fineness(name: str | None) -> int:
    order = ("year", "month", "day_of_year", "day", "hour", "minute", "second", "millisecond",
             "microsecond", "epoch")  # fmt: skip
    return order.index(name) + 1 if name else 0


# --- taking a path apart -----------------------------------------------------------------------


def _pieces(path: str) -> Iterator[_Piece]:
    *folders, name = path.split("/")
    told = 0  # how many parts of a time the folders have told: 1 is the year
    for folder in folders:
        found = list(_folder(folder, told))
        told += sum(2 if piece.name == "day_of_year" else piece.kind == "time" for piece in found)
        yield from found
        yield _Piece("text", "/", "folder")
    stem, dot, ending = name.rpartition(".")
    if not stem or not ending.isalnum():
        stem, dot, ending = name, "", ""
    yield from _stem(stem)
    if ending:
        yield _Piece("text", dot, "name")
        yield _Piece("token", ending, "name", "format")


def _folder(text: str, told: int) -> Iterator[_Piece]:
    hive = _HIVE.fullmatch(text)
    if hive:
        yield _Piece("text", f"{hive['key']}=", "folder")
        named = _HIVE_TIMES.get(hive["key"].lower())
        if named and hive["value"].isdecimal():
            yield _Piece("time", hive["value"], "folder", named)
        elif stamp := _dated(hive["value"]):
            yield from _stamped(stamp, "folder")
        else:
            yield _Piece("token", hive["value"], "folder", hive["key"].lower())
    elif (stamp := _dated(text)) and not told:
        yield from _stamped(stamp, "folder")
    elif name := _next_time(text, told):
        yield _Piece("time", text, "folder", name)
    else:
        yield _Piece("token", text, "folder")


def _dated(text: str) -> re.Match[str] | None:
    found = _STAMP.fullmatch(text) or _MONTH.fullmatch(text)
    return found if found and _is_moment(found) else None


def _next_time(text: str, told: int) -> str | None:
    """Which part of a time a folder of digits is, after so many parts."""
    if not text.isdecimal() or not text.isascii():
        return None
    if not told:
        return "year" if len(text) == 4 and int(text) in _YEARS else None
    if told == 1 and len(text) == 3 and 1 <= int(text) <= 366:
        return "day_of_year"
    name = _ORDER[told - 1] if told <= len(_ORDER) else None
    return name if name and len(text) == 2 and int(text) in _RANGES[name] else None


def _stem(text: str) -> Iterator[_Piece]:
    stamp = next((one for one in _STAMP.finditer(text) if _is_moment(one)), None)
    epoch = None if stamp else _EPOCH.search(text)
    found = stamp or epoch
    if found is None:
        yield from _tokens(text)
        return
    yield from _tokens(text[: found.start()])
    if stamp:
        yield from _stamped(stamp, "name")
    else:
        yield _Piece("time", found[0], "name", "epoch")
    yield from _tokens(text[found.end() :])


def _stamped(found: re.Match[str], where: Where) -> Iterator[_Piece]:
    values = found.groupdict()
    for part in _PARTS:
        value = values.get(part)
        if value:
            is_time = len(part) > 2
            yield _Piece("time" if is_time else "text", value, where, part if is_time else "")


def _is_moment(found: re.Match[str]) -> bool:
    told = {
        name: int(value) for name, value in found.groupdict().items() if value and value.isdecimal()
    }
    try:
        datetime(  # noqa: DTZ001 - whether there is such a time at all
            told["year"], told["month"], told.get("day", 1), told.get("hour", 0),
            told.get("minute", 0), told.get("second", 0),
        )  # fmt: skip
    except ValueError:
        return False
    return True


def _tokens(text: str) -> Iterator[_Piece]:
    for at, part in enumerate(_SEPARATORS.split(text)):
        if part:
            yield _Piece("text" if at % 2 else "token", part, "name")


# --- putting a pattern together ----------------------------------------------------------------


def _believed(pieces: Sequence[_Piece], times: Sequence[str]) -> list[_Piece]:
    """The pieces without the times that are not believed: a star stands for the folder, or in a
    name for the digits. Beside seconds since 1970 no other time is believed."""
    epoch = any(one.name == "epoch" for one in pieces) and "name" in times
    believed: list[_Piece] = []
    starred = False
    for one in pieces:
        if one.value == "/" and one.kind == "text":
            starred = False
        elif one.kind == "time" and (one.where not in times or (epoch and one.name != "epoch")):
            if one.where == "folder":
                starred = True
                while believed and believed[-1].value != "/":
                    believed.pop()
            if not believed or believed[-1].value != "*":
                believed.append(_Piece("star", "*", one.where))
            continue
        if not starred:
            believed.append(one)
    return believed


def _shape(pieces: Sequence[_Piece]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.value if one.kind == "text" else one.name) for one in pieces)


def _text(alike: Sequence[Sequence[_Piece]]) -> str:
    """The pattern of paths that are made alike: what is the same in all stays as it is."""
    pieces: list[str] = []
    used: Counter[str] = Counter()
    run: list[int] = []  # places of the fields since the last slash or time
    before, full = 0, False  # fields of the same name before those
    for column in zip(*alike, strict=True):
        one = column[0]
        values = {piece.value for piece in column}
        if one.kind in ("time", "star"):
            pieces.append("*" if one.kind == "star" else f"{{{one.name}}}")
            before, run, full = before + len(run) + (one.kind == "star"), [], False
        elif one.kind == "text" or (len(values) == 1 and (len(alike) > 1 or one.name)):
            pieces.append(_literal(one.value))
            if one.value == "/":
                before, run, full = 0, [], False
        else:
            run.append(len(pieces))
            pieces.append(_field(one, values, used))
            full = full or before + len(run) > VARIABLE_MAX
            if full:  # too many to be told apart: one star for them
                pieces[run[0] :] = ["*"]
                run = run[:1]
    return "".join(pieces)


def _field(piece: _Piece, values: set[str], used: Counter[str]) -> str:
    are_digits = all(value.isdecimal() and value.isascii() for value in values)
    name = piece.name or (
        "group" if piece.where == "folder" else "sequence" if are_digits else "part"
    )
    used[name] += 1
    numbered = name if used[name] == 1 else f"{name}{used[name]}"
    return f"{{{numbered}:d}}" if are_digits and piece.where == "name" else f"{{{numbered}}}"


def _literal(text: str) -> str:
    doubled = text.replace("{", "{{").replace("}", "}}").replace("%", "%%")
    return doubled.replace("*", "?")  # a star cannot be written as itself; `?` is any character
