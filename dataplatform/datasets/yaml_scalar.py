"""What a bare YAML scalar means, and where YAML's versions disagree about it.

Here belongs the reading of one unquoted word. A file must mean the same to everyone who reads it,
so a number that YAML 1.1 and 1.2 read differently (`010`, `12:30`, `1_000`) is ambiguous. Dates
stay text: what they are is said by the column's type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_BOOL_WORDS: Final = {
    spelling: value
    for word, value in (("yes", True), ("no", False), ("on", True), ("off", False))
    for spelling in (word, word.capitalize(), word.upper())
}
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", re.ASCII)
# YAML 1.2 reads these as numbers, YAML 1.1 as text, or the other way round.
_AMBIGUOUS: Final = re.compile(
    r"""[-+]?0[0-9_]+                          # octal or decimal
      | [-+]?0o[0-7]+ | [-+]?0b[01_]+          # octal, binary
      | [-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?  # digit groups
      | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?   # base 60
      | [-+]?[0-9]+[eE][-+]?[0-9]+             # a float without a point
    """,
    re.ASCII | re.VERBOSE,
)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
_DIGITS_MAX: Final = 30
_EXACT_MAX: Final = 2**53 - 1


@dataclass(frozen=True)
class Scalar:
    """A bare word's value; `problem` when it cannot be taken as it stands.

    `pointed` is a float without a point as every reader takes it for a number.
    `is_bool_word` marks yes, no, on and off, which are booleans in YAML 1.1 and words in 1.2.
    """

    value: str | int | float | bool | None
    problem: str | None = None
    pointed: str | None = None
    is_bool_word: bool = False


def read_scalar(word: str) -> Scalar:
    """The value of an unquoted scalar."""
    if word in _NULL:
        return Scalar(None)
    if word in _BOOL:
        return Scalar(_BOOL[word])
    if word in _BOOL_WORDS:
        return Scalar(_BOOL_WORDS[word], is_bool_word=True)
    # Most words begin with a letter, and none of the numbers below does.
    return _number(word) if word[0] in "-+.0123456789" else Scalar(word)


def _number(word: str) -> Scalar:
    if _NOT_FINITE.fullmatch(word):
        return Scalar(word, problem=f"{word} cannot be stored; leave the limit out instead")
    if _AMBIGUOUS.fullmatch(word):
        problem = f"{word} is one number to some YAML readers and not to others"
        whole, sign, power = word.lower().partition("e")
        return Scalar(word, problem, pointed=f"{whole}.0e{power}" if sign and power else None)
    if _HEX.fullmatch(word):
        return _whole(word, 16)
    if _INT.fullmatch(word):
        return _whole(word, 10)
    if _FLOAT.fullmatch(word):
        number = float(word)
        if abs(number) == float("inf"):
            return Scalar(word, problem=f"{word} is larger than a 64-bit float holds")
        return Scalar(number)
    return Scalar(word)


def _whole(word: str, base: int) -> Scalar:
    number = int(word, base) if len(word) <= _DIGITS_MAX else None
    if number is None or abs(number) > _EXACT_MAX:
        return Scalar(word, problem=f"{word} is not exact in JSON beyond 2**53")
    return Scalar(number)
