"""What pydantic found, as a sentence at a place in the file and a hint for the next keystroke.

Here belongs the translation of one validation error. It knows pydantic's error types and the
shape of the document, and nothing about what a definition means.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from dataplatform.datasets.yaml import Path, YamlDocument
from dataplatform.errors import SourceFinding

# What people write who come from other tools.
_MEANT: Final[Mapping[str, str]] = {
    "tags": "topics",
    "keywords": "topics",
    "name": "title",
    "cron": "schedule",
    "url": "repo",
    "repository": "repo",
    "provider": "source",
    "schema": "contract",
    "columns": "fields",
    "key": "primary_key",
    "dtype": "type",
    "required": "nullable",
    "desc": "description",
    "depends_on": "inputs",
    "maintainers": "owners",
    "env": "secrets",
    "regexp": "regex",
    "expression": "expr",
}
_EXPECTED: Final = {
    "string_type": "text is expected here",
    "tuple_type": "a list is expected here",
    "list_type": "a list is expected here",
    "dict_type": "a mapping (key: value) is expected here",
    "model_type": "a mapping (key: value) is expected here",
    "model_attributes_type": "a mapping (key: value) is expected here",
    "bool_type": "true or false is expected here",
    "bool_parsing": "true or false is expected here",
    "int_type": "a whole number is expected here",
    "float_type": "a number is expected here",
    "float_parsing": "a number is expected here",
    "string_too_short": "this is empty",
    "too_short": "this list is empty",
}
_LIMITS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def complaint(
    error: ErrorDetails, document: YamlDocument, keys_at: Callable[[Path], Sequence[str]]
) -> SourceFinding:
    """One validation error as a finding.

    Args:
        error: As pydantic gives it.
        document: The file that was validated.
        keys_at: The keys that a mapping may have, by pydantic's own location of it.
    """
    where: Path = tuple(error["loc"])
    place = place_of(where, document)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(place, document, keys_at(where[:-1]))
        case "missing":
            return _missing(str(where[-1]), place, document)
        case "union_tag_invalid" | "union_tag_not_found":
            return _unknown_kind(error, place, document)
        case "enum" | "literal_error":
            return _none_of(error, place, document)
    message, hint = _sentence(error, document.bare.get(place))
    return document.finding(place, message, hint=hint)


def ambiguous_words(document: YamlDocument, booleans: Collection[str]) -> Iterator[SourceFinding]:
    """Words such as `no` that are a boolean to some readers, where none of `booleans` is meant."""
    for path in sorted(document.bool_words, key=str):
        if path and path[-1] not in booleans:
            word = document.bare[path]
            yield document.finding(
                path,
                f"{word} is a boolean to some YAML readers and a word to others",
                hint=f'put it in quotes: "{word}"',
            )


def place_of(where: Path, document: YamlDocument) -> Path:
    """The deepest place of the file on the way to pydantic's location.

    That location also names members of unions, and fields that were written in a short form.
    """
    place: Path = ()
    for part in where:
        if (*place, part) in document.spots:
            place = (*place, part)
        elif part == "fields" and (*place, "field") in document.spots:
            place = (*place, "field")
    return place


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    meant = _MEANT.get(word.lower())
    if meant in known:
        return meant
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return near[0] if near else None


def _unknown_key(place: Path, document: YamlDocument, known: Sequence[str]) -> SourceFinding:
    key = str(place[-1])
    meant = nearest(key, [name for name in known if (*place[:-1], name) not in document.spots])
    hint = f"did you mean `{meant}`?" if meant else f"known here: {', '.join(known)}"
    return document.finding(place, f"unknown key `{key}`", hint=hint, key=True)


def _missing(key: str, place: Path, document: YamlDocument) -> SourceFinding:
    return document.finding(place, f"`{key}` is missing", hint=f"add `{key}: …`")


def _unknown_kind(error: ErrorDetails, place: Path, document: YamlDocument) -> SourceFinding:
    if not isinstance(error["input"], Mapping):
        return document.finding(place, _EXPECTED["dict_type"])
    if error["type"] == "union_tag_not_found":
        return _missing("kind", place, document)
    known = re.findall(r"'([^']*)'", error["ctx"]["expected_tags"])
    return document.finding(
        (*place, "kind"),
        f"{error['ctx']['tag']!r} is no kind of rule",
        hint=_choice(str(error["ctx"]["tag"]), known),
    )


def _none_of(error: ErrorDetails, place: Path, document: YamlDocument) -> SourceFinding:
    known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
    given = document.bare.get(place, error["input"])
    message = f"{given!r} is not among {', '.join(known)}"
    return document.finding(place, message, hint=_choice(str(given), known))


def _choice(given: str, known: Sequence[str]) -> str:
    meant = nearest(given, known)
    return f"did you mean {meant!r}?" if meant else f"write one of {', '.join(known)}"


def _sentence(error: ErrorDetails, bare: str | None) -> tuple[str, str | None]:
    kind, given = error["type"], error["input"]
    expected = _EXPECTED.get(kind)
    if expected and given is None:
        return f"this key has no value; {expected}", "leave the key out if there is nothing to say"
    if kind == "string_type" and bare is not None:
        what = _WORDS.get(type(given), "a value")
        return f"{bare} is {what}, and {expected}", f'put it in quotes: "{bare}"'
    if kind == "tuple_type" and isinstance(given, str):
        return f"{expected}, not one text", f"write [{given}]"
    if kind in ("string_too_long", "too_long"):
        return f"this is too long: at most {error['ctx']['max_length']}", None
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"{bare or given} is not {words} {error['ctx'][name]}", None
    message = error["msg"].removeprefix("Value error, ")
    return expected or message, None


_WORDS: Final[Mapping[type[Any], str]] = {
    bool: "a boolean in YAML",
    int: "a number in YAML",
    float: "a number in YAML",
}
