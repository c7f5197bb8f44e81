"""Digests and canonical JSON bytes.

A digest is the lower-case hex sha256 of exact bytes. Fields whose name says so (`sha256`,
`manifest_sha256`, …) hold the bare hex; every other field that holds a digest writes the
algorithm in front (`sha256:…`), see :func:`prefixed`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import rfc8785

from opendata.wire.errors import Corrupt, InvalidInput

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PREFIX = "sha256:"
_EXACT_INTEGER_MAX = 2**53 - 1
"".encode("utf-16-be")  # keys are sorted so; Python loads that when it is first used


def digest_of(data: bytes) -> str:
    """The hex sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value: one value, one spelling, for ever.

    Raises:
        InvalidInput: for what that standard cannot write (NaN, integers beyond 2^53 that no
            double is written as).
    """
    try:
        try:
            return rfc8785.dumps(value)
        except rfc8785.IntegerDomainError:
            return rfc8785.dumps(_with_doubles(value))
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"this value has no canonical JSON form: {error}") from error


def _with_doubles(value: Any) -> Any:
    """The value with the doubles back that reading JSON has made integers.

    The standard writes 1e18 as 1000000000000000000, which Python reads as an integer.
    """
    if isinstance(value, dict):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_doubles(item) for item in value]
    if isinstance(value, int) and abs(value) > _EXACT_INTEGER_MAX and abs(value) < 10**21:
        double = float(value)
        return double if rfc8785.dumps(double).decode() == str(value) else value
    return value


def json_digest(value: Any) -> str:
    """The digest of a JSON value's canonical bytes."""
    return digest_of(canonical_json(value))


def prefixed(digest: str) -> str:
    """`sha256:` in front of a bare digest."""
    return f"{_PREFIX}{digest}"


def is_digest(text: str) -> bool:
    """Whether `text` is a bare hex digest."""
    return _HEX.fullmatch(text) is not None


def parse_digest(text: str) -> str:
    """The bare digest of `sha256:…` or of a bare one.

    Raises:
        InvalidInput: if it is neither.
    """
    bare = text.removeprefix(_PREFIX)
    if not is_digest(bare):
        raise InvalidInput(f"{text!r} is no sha256 digest (64 hex characters)")
    return bare


def check_digest(data: bytes, expected: str, what: str) -> bytes:
    """Return `data` if its digest is `expected`.

    Raises:
        Corrupt: naming `what` and both digests.
    """
    actual = digest_of(data)
    if actual != expected:
        raise digest_mismatch(what, expected, actual)
    return data


def digest_mismatch(what: str, expected: str, actual: str) -> Corrupt:
    """The error that names damaged bytes."""
    return Corrupt(
        f"{what} is corrupt: its sha256 is {actual[:12]}…, expected {expected[:12]}…",
        code="digest_mismatch",
        hint="od verify lists every damaged object of a data set",
        details={"object": what, "expected": expected, "actual": actual},
    )
