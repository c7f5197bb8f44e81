"""A secret is found in every dress in which libraries show it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataplatform.adapters.runner.redact import longest_form, redactor

pytestmark = [pytest.mark.requirement("S1-86")]

# What a key may look like; shorter ones hide too, but then everywhere.
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=8, max_size=40
).filter(lambda text: text == text.strip())


@given(SECRETS)
@example("0000000%")
@example("0000000\\")
def test_as_it_is_in_urls_and_in_json(secret: str) -> None:
    redact = redactor([secret])
    for form in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    ):
        assert redact(f"<{form}>") == "<***>"
        assert len(form) <= longest_form([secret])


@given(st.binary(max_size=5), SECRETS, st.binary(max_size=5))
def test_inside_base64(before: bytes, secret: str, after: bytes) -> None:
    whole = before + secret.encode() + after
    redact = redactor([secret])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = redact(encode(whole).decode())
        assert "***" in shown
        assert len(shown) - len("***") <= len(encode(before)) + len(encode(after)) + 4


def test_each_line_of_a_key_file() -> None:
    key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIEXAMPLE0000\n-----END KEY-----\n"

    assert redactor([key])("line 2: BCIEIEXAMPLE0000.") == "line 2: ***."


def test_the_longer_secret_first() -> None:
    assert redactor(["key-1", "key-1-long"])("key-1-long and key-1") == "*** and ***"


def test_nothing_to_hide_changes_nothing() -> None:
    assert redactor([])("a line") == "a line"
    assert redactor([""])("a line") == "a line"
