"""What may be the name of an object: one rule for every store.

A key that is legal here is a plain path in a folder, an S3 key and a URL path alike, and can
never lead out of its store. Names that begin with a dot are the stores' own (locks, temporary
files) and no objects. Only the grammar belongs here; which keys exist is the protocol's business.
"""

from __future__ import annotations

import re

from opendata.wire.errors import InvalidInput

KEY_MAX_BYTES = 1024  # S3's limit
PART_MAX_BYTES = 255  # a file name's limit
_ILLEGAL = re.compile(r"[\x00-\x1f\x7f\\]")
_RULE = (
    "a key is one or more names joined by '/'; a name does not begin with a dot and holds no "
    "backslash and no control character"
)


def check_key(key: str) -> str:
    """Return `key` if it may name an object.

    Raises:
        InvalidInput: with the rule that it breaks.
    """
    fault = _fault(key)
    if fault:
        raise InvalidInput(f"{key!r} cannot be an object's key: {fault}", code="invalid_key")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if keys can begin with it; the empty prefix is all of the store.

    Raises:
        InvalidInput: with the rule that it breaks.
    """
    complete = prefix if prefix and not prefix.endswith("/") else prefix + "x"
    fault = _fault(complete)
    if fault:
        raise InvalidInput(f"no key can begin with {prefix!r}: {fault}", code="invalid_key")
    return prefix


def is_key(text: str) -> bool:
    """Whether `text` may name an object; what else lies in a store is none of its objects."""
    return _fault(text) is None


def parent_of(prefix: str) -> str:
    """The whole names of a prefix: `a/b` for `a/b/` and for `a/b/c`; empty where there are none."""
    return prefix.rpartition("/")[0]


def _fault(key: str) -> str | None:
    if not isinstance(key, str) or not key:
        return "it is empty"
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "it is no valid text"
    if len(encoded) > KEY_MAX_BYTES:
        return f"it is longer than {KEY_MAX_BYTES} bytes"
    if _ILLEGAL.search(key):
        return _RULE
    for part in key.split("/"):
        if not part or part.startswith("."):
            return _RULE
        if len(part.encode()) > PART_MAX_BYTES:
            return f"the name {part[:32]!r}… is longer than {PART_MAX_BYTES} bytes"
    return None
