"""The parts that a pattern or a template is written in: text, `{names}`, directives, globs.

Here belongs cutting the text into parts, each with its column. What the parts of a path's pattern
match is `pattern`'s, what those of a template give `template`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "name", "time", "star", "stars", "any"]

DIRECTIVES: Final = {
    "Y": "year", "y": "short_year", "m": "month", "d": "day", "j": "day_of_year", "H": "hour",
    "M": "minute", "S": "second", "f": "microsecond", "s": "epoch",
}  # fmt: skip
"""`strftime` directives by the names that mean the same."""
TIME_NAMES: Final = frozenset({*DIRECTIVES.values(), "millisecond"})
_COMPOUND: Final = {"F": "%Y-%m-%d", "T": "%H:%M:%S"}
_PART: Final = re.compile(
    r"(?P<braces>\{\{|\}\})|\{(?P<name>[^{}]*)\}|%(?P<directive>.)|(?P<stars>\*\*/?)|(?P<star>\*)"
    r"|(?P<any>\?)|(?P<stray>[{}]|%$)"
)
_NAME: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<digits>[1-9]\d?)?d)?", re.ASCII)


class PatternFault(ValueError):
    """What is wrong with a pattern, `offset` characters from its start, and what to write."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


@dataclass(frozen=True)
class Part:
    """One part of a pattern; `value` is the text, or the name of a field or a time.

    `digits` says that a name holds digits alone: so many, or 0 for one or more.
    """

    kind: Kind
    value: str
    offset: int
    digits: int | None = None


def cut(text: str) -> list[Part]:
    """The parts of a pattern or template, in order; neighbouring texts are one.

    Raises:
        PatternFault: for what is no part.
    """
    parts: list[Part] = []
    at = 0
    for found in _PART.finditer(text):
        _add_text(parts, text[at : found.start()], at)
        at = found.end()
        offset = found.start()
        if found["braces"]:
            _add_text(parts, found["braces"][0], offset)
        elif found["name"] is not None:
            parts.append(_named(found["name"], offset))
        elif found["directive"]:
            _add_directive(parts, found["directive"], offset)
        elif found["stray"]:
            raise PatternFault(
                f"{found['stray']!r} stands alone here",
                offset,
                f"for the character itself, write {found['stray'] * 2}",
            )
        else:
            kind: Kind = "stars" if found["stars"] else "star" if found["star"] else "any"
            parts.append(Part(kind, found[0], offset))
    _add_text(parts, text[at:], at)
    return parts


def _add_text(parts: list[Part], text: str, offset: int) -> None:
    if not text:
        return
    if parts and parts[-1].kind == "text":
        before = parts.pop()
        text, offset = before.value + text, before.offset
    parts.append(Part("text", text, offset))


def _named(text: str, offset: int) -> Part:
    found = _NAME.fullmatch(text)
    if found is None:
        raise PatternFault(
            f"{{{text}}} is no name",
            offset,
            "a name holds letters, digits and underscores; {name:d} is digits alone, {name:4d} "
            "four of them",
        )
    name = found["name"]
    if name in TIME_NAMES:
        if ":" in text:
            raise PatternFault(f"{{{name}}} is digits already", offset, f"write {{{name}}}")
        return Part("time", name, offset)
    digits = int(found["digits"] or 0) if ":" in text else None
    return Part("name", name, offset, digits)


def _add_directive(parts: list[Part], directive: str, offset: int) -> None:
    if directive == "%":
        _add_text(parts, "%", offset)
    elif directive in _COMPOUND:
        for part in cut(_COMPOUND[directive]):
            if part.kind == "text":
                _add_text(parts, part.value, offset)
            else:
                parts.append(Part(part.kind, part.value, offset))
    elif directive in DIRECTIVES:
        parts.append(Part("time", DIRECTIVES[directive], offset))
    else:
        known = ", ".join(f"%{one}" for one in (*DIRECTIVES, *_COMPOUND))
        raise PatternFault(
            f"%{directive} is no directive here", offset, f"known are {known}; %% is a percent sign"
        )
