"""Digests and canonical JSON: one value has one spelling, and the standard's own examples agree."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.digest import (
    canonical_json,
    check_digest,
    digest_of,
    is_digest,
    json_digest,
    parse_digest,
    prefixed,
)
from opendata.wire.errors import Corrupt, InvalidInput

pytestmark = pytest.mark.requirement("S4-9", "S4-41")

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# RFC 8785, section 3.2: an input with every hard part, and its canonical form.
RFC_SAMPLE = {
    "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
    "literals": [None, True, False],
}
RFC_CANONICAL = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
)
# RFC 8785, appendix B: IEEE 754 doubles by their bits, and how they are written.
RFC_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
# Section 3.2.3: names sort by their UTF-16 code units, not by code points.
RFC_NAMES = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
RFC_ORDER = [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
]


def test_the_standard_s_sample_is_written_as_the_standard_says() -> None:
    assert canonical_json(RFC_SAMPLE).decode() == RFC_CANONICAL


@pytest.mark.parametrize(("bits", "written"), RFC_NUMBERS.items())
def test_numbers_are_written_as_the_standard_says(bits: str, written: str) -> None:
    number = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert canonical_json(number).decode() == written


def test_names_are_sorted_as_the_standard_says() -> None:
    assert list(json.loads(canonical_json(RFC_NAMES)).values()) == RFC_ORDER


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def normal(value: Any) -> Any:
    """The value as the standard sees it: all numbers are doubles, and both zeros are one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    return [normal(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_canonical_json_says_the_same_and_says_it_once(value: Any) -> None:
    written = canonical_json(value)
    assert normal(json.loads(written)) == normal(value)
    assert canonical_json(json.loads(written)) == written


@given(st.dictionaries(st.text("ab", max_size=3), JSON, max_size=5))
def test_the_order_of_members_makes_no_difference(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))
    assert json_digest(turned) == json_digest(value)


LARGE = [1e18, 2.0**60, -(2.0**63), 1e20, 123456789012345680.0, 2.0**53]


@pytest.mark.parametrize("value", LARGE)
def test_a_large_double_is_read_as_an_integer_and_written_the_same_again(value: float) -> None:
    written = canonical_json({"max": [value]})
    read = json.loads(written)
    assert isinstance(read["max"][0], int)
    assert canonical_json(read) == written


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53 + 1, -(2**63), 10**21, "\ud800", {"a": [math.nan]}]
)
def test_what_the_standard_cannot_write_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="no canonical JSON"):
        canonical_json(value)


def test_a_digest_is_lower_case_hex_with_or_without_its_name() -> None:
    assert digest_of(b"") == EMPTY
    assert parse_digest(EMPTY) == parse_digest(prefixed(EMPTY)) == EMPTY
    assert is_digest(EMPTY)


@pytest.mark.parametrize(
    "text", ["", "sha256:", EMPTY[:-1], EMPTY + "0", EMPTY.upper(), "md5:" + EMPTY, EMPTY + "\n"]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    assert not is_digest(text)
    with pytest.raises(InvalidInput):
        parse_digest(text)


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_only_the_very_bytes_have_their_digest(data: bytes, other: bytes) -> None:
    assert check_digest(data, digest_of(data), "k") == data
    if data != other:
        with pytest.raises(Corrupt) as refused:
            check_digest(other, digest_of(data), "objects/sha256/aa/x")
        assert refused.value.details["object"] == "objects/sha256/aa/x"
