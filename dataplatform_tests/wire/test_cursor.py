"""A cursor comes back as it went out, and never continues another bundle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.cursor import encode_cursor, read_cursor
from opendata.wire.digest import digest_of
from opendata.wire.errors import Conflict, InvalidInput, OpenDataError

LOCK = digest_of(b"a lock")


@given(row=st.integers(0, 2**63 - 1), channel=st.sampled_from(["image_original", "ns/a-table"]))
def test_it_comes_back_as_it_went_out(row: int, channel: str) -> None:
    cursor = read_cursor(encode_cursor(LOCK, channel, row), LOCK)
    assert (cursor.channel, cursor.row) == (channel, row)


def test_it_is_of_one_revision_only() -> None:
    with pytest.raises(Conflict) as caught:
        read_cursor(encode_cursor(LOCK, "image_original", 5), digest_of(b"the next revision"))
    assert caught.value.code == "stale_cursor"


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda data: data.hex())))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises((InvalidInput, Conflict)):
        read_cursor(text, LOCK)


@given(st.data())
def test_a_damaged_one_never_does_harm(data: st.DataObject) -> None:
    whole = encode_cursor(LOCK, "image_original", 77)
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=\x00é"))
    try:
        cursor = read_cursor(whole[:at] + other + whole[at + 1 :], LOCK)
    except OpenDataError:
        return
    assert cursor.row >= 0
