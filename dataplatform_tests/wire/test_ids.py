"""Ids: what may be one, what may not, and why nothing about them ever needs escaping."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.errors import InvalidInput
from opendata.wire.ids import (
    PART_MAX_CHARS,
    DatasetId,
    is_id_part,
    parse_dataset_id,
    parse_reference,
)
from opendata.wire.version import parse_version

PARTS = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(
    lambda part: len(part) <= PART_MAX_CHARS
)
IDS = st.builds(DatasetId, PARTS, PARTS)


@pytest.mark.requirement("S1-29", "S1-53")
@pytest.mark.parametrize(
    "text",
    ["getopendata/treasury-yield-curve-daily", "a/b", "0/1", "a1-b2-c3/x", "a" * 64 + "/b"],
)
def test_an_id_is_read_and_written_the_same(text: str) -> None:
    assert str(parse_dataset_id(text)) == text


@pytest.mark.requirement("S1-29", "S1-53")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "a//b",
        "A/b",
        "a/B",
        "a/b ",
        " a/b",
        "a/b\n",
        "a/-b",
        "a/b-",
        "a/b--c",
        "a/b_c",
        "a/b.c",
        "a/..",
        "../b",
        "../../etc/passwd",
        "a/%2e%2e",
        "a/b\0",
        "a/b?x=1",
        "a/b#c",
        "a\\b",
        "a/b'; drop table x; --",
        'a/b" OR 1=1',
        "a/read_csv('/etc/passwd')",
        "a/ｂ",  # a full-width twin of b
        "a/е",  # a Cyrillic twin of e
        "a/ñ",
        "a/n\u0303",  # the same letter, decomposed
        "a/٣",  # a digit to Unicode, not to us
        "a/b\u202e",  # turns the reading direction
        "a/" + "b" * 65,
    ],
)
def test_what_could_be_mistaken_or_escape_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_dataset_id(text)
    assert refused.value.code == "invalid_id"


@pytest.mark.parametrize("value", [None, 3, b"a/b", ["a", "b"], object()])
def test_what_is_no_text_is_refused_like_any_other_mistake(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse_dataset_id(value)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        parse_reference(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("GetOpenData/US Treasury_Rates", "getopendata/us-treasury-rates"),
        ("a/b_c", "a/b-c"),
        ("a/b.", "a/b"),
    ],
)
def test_a_near_miss_gets_the_legal_spelling(text: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_dataset_id(text)
    assert meant in (refused.value.hint or "")


@given(IDS)
def test_an_id_survives_its_own_text(dataset: DatasetId) -> None:
    assert parse_dataset_id(str(dataset)) == dataset


@given(st.text())
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    try:
        dataset = parse_dataset_id(text)
    except InvalidInput:
        return
    assert str(dataset) == text
    assert re.fullmatch(r"[a-z0-9-]{1,64}/[a-z0-9-]{1,64}", text)


@given(IDS, IDS)
def test_no_two_ids_share_an_identifier(one: DatasetId, other: DatasetId) -> None:
    assert (one.identifier == other.identifier) == (one == other)
    assert one.identifier.replace("_", "").isalnum()
    assert one.identifier.isascii()


def test_ids_that_only_differ_in_where_the_slash_stands_stay_apart() -> None:
    assert parse_dataset_id("a-b/c").identifier != parse_dataset_id("a/b-c").identifier


@given(st.text(max_size=80))
def test_an_id_part_can_stand_in_a_path_an_address_and_a_query(text: str) -> None:
    if is_id_part(text):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", text)
        assert "--" not in text


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("text", "version"),
    [("a/b", None), ("a/b@latest", None), ("a/b@1.2.0", "1.2.0"), ("a/b@v1.2.0", "1.2.0")],
)
def test_a_reference_pins_a_release_or_follows_the_latest(text: str, version: str | None) -> None:
    reference = parse_reference(text)
    assert str(reference.id) == "a/b"
    assert reference.version == (parse_version(version) if version else None)


@pytest.mark.parametrize(
    "text", ["a/b@", "a/b@1", "a/b@1.2", "a/b@1.2.0@1.2.0", "@1.2.0", "a@1.2.0"]
)
def test_half_a_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_reference(text)


@given(IDS, st.tuples(*[st.integers(0, 999_999_999)] * 3))
def test_a_reference_survives_its_own_text(
    dataset: DatasetId, numbers: tuple[int, int, int]
) -> None:
    text = f"{dataset}@{'.'.join(map(str, numbers))}"
    assert str(parse_reference(text)) == text
