"""Secrets leave no trace: every text that comes out of a run passes through here.

A value is found as it is, as a URL writes it, and as base64 writes it, alone or inside something
longer. Here belongs finding and replacing, nothing else.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

MASK = "***"
_LINE_MIN_CHARS = 6
_BASE64_MIN_CHARS = 4


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces every form of every secret by `***`."""
    values = sorted(set(chain.from_iterable(map(_values_of, secrets))), key=len, reverse=True)
    patterns = [pattern for value in values for pattern in _patterns(value)]
    if not patterns:
        return lambda text: text
    found = re.compile("|".join(patterns))
    return lambda text: found.sub(MASK, text)


def longest_form(secrets: Iterable[str]) -> int:
    """How long a form of a secret can be; a text must not be cut within one."""
    longest = max((len(secret.encode()) for secret in secrets), default=0)
    return 6 * longest  # every character as \uXXXX


def _values_of(secret: str) -> Iterator[str]:
    """The secret, and its lines: a log shows a key file line by line."""
    yield from {secret, secret.strip()} - {""}
    lines = (line.strip() for line in secret.splitlines())
    yield from (line for line in lines if len(line) >= _LINE_MIN_CHARS)


def _patterns(value: str) -> Iterator[str]:
    # Escaped forms first: the plain one would leave half of a doubled backslash behind.
    escaped = (json.dumps(value)[1:-1], repr(value)[1:-1])
    yield from (re.escape(form) for form in escaped if form != value)
    yield "".join(map(_in_a_url, value))
    yield from map(re.escape, _base64_forms(value.encode()))


def _in_a_url(character: str) -> str:
    """The character percent-encoded or as it is; libraries differ in which ones they encode.

    The longer form is tried first: a `%` as it is must not leave the rest of `%25` behind.
    """
    encoded = "".join(f"%{byte:02x}" for byte in character.encode())
    plus = r"|\+" if character == " " else ""
    return f"(?:(?i:{encoded})|{re.escape(character)}{plus})"


def _base64_forms(value: bytes) -> Iterator[str]:
    """The characters that stand for `value` alone, wherever it begins in what was encoded."""
    for before in range(3):
        padded = b"\0" * before + value
        first = (before * 8 + 5) // 6  # the ones before also carry bits of what comes first
        last = len(padded) * 8 // 6  # and the ones after, bits of what follows
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(padded).decode()[first:last]
            if len(form) >= _BASE64_MIN_CHARS:
                yield form
