"""Secrets leave no trace: every text that comes out of a run passes through here.

A value is found as it is, as a URL writes it, and as base64 writes it, alone or inside something
longer. Here belongs finding and replacing, nothing else.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
_LINE_MIN_CHARS = 6


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces every form of every secret by `***`."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, forms)))
    return lambda text: pattern.sub(MASK, text)


def longest_form(secrets: Iterable[str]) -> int:
    """How long a form of a secret can be; a text must not be cut within one."""
    return max((len(form) for secret in secrets for form in _forms(secret)), default=0)


def _forms(secret: str) -> Iterator[str]:
    # A log shows a secret of several lines, such as a key file, line by line.
    lines = [line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE_MIN_CHARS]
    for value in {secret, secret.strip(), *lines} - {""}:
        yield value
        yield quote(value, safe="")
        yield quote_plus(value)
        yield json.dumps(value)[1:-1]
        yield repr(value)[1:-1]
        yield from _base64_forms(value.encode())


def _base64_forms(value: bytes) -> Iterator[str]:
    """The characters that stand for `value` alone, wherever it begins in what was encoded."""
    for before in range(3):
        padded = b"\0" * before + value
        first = (before * 8 + 5) // 6  # characters that also carry bits of what is before it
        last = len(padded) * 8 // 6  # and, after this one, of what follows
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(padded).decode()[first:last]
            if len(form) >= 4:
                yield form
