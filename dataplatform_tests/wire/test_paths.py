"""Which relative paths a file may have: one rule for writers and readers."""

from __future__ import annotations

import posixpath
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opendata.wire.errors import InvalidInput
from opendata.wire.paths import check_path, check_paths, find_twins, fold, path_fault

GOOD = st.from_regex(r"[a-zA-Z0-9_éß日][a-zA-Z0-9_. =+é()-]{0,12}", fullmatch=True)
GOOD_PATHS = st.lists(GOOD, min_size=1, max_size=5).map("/".join)
HOSTILE_PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x1bb",
        "a\x7f",
        "\x85",
        "a\u202eb",
        "\u2028",
        "\ud800",
    ]
)


@pytest.mark.requirement("S0-45")
@settings(max_examples=600)
@given(st.lists(GOOD, max_size=4), HOSTILE_PARTS, st.lists(GOOD, max_size=4))
def test_hostile_names_are_refused_wherever_they_stand(
    before: list[str], hostile: str, after: list[str]
) -> None:
    path = "/".join([*before, hostile, *after])
    with pytest.raises(InvalidInput) as caught:
        check_path(path)
    assert caught.value.code == "unsafe_path"
    assert caught.value.details["paths"] == [path]


@settings(max_examples=300)
@given(GOOD_PATHS)
def test_plain_paths_pass_as_they_are(path: str) -> None:
    assert check_path(path) == path


@settings(max_examples=500)
@given(st.text(max_size=40))
def test_whatever_passes_stays_below_its_folder(path: str) -> None:
    if path_fault(path) is None:
        joined = posixpath.normpath(posixpath.join("/place", path))
        assert joined.startswith("/place/")
        assert joined == f"/place/{path}"
        assert path.encode().decode() == path
        assert not any(unicodedata.category(one) == "Cc" for one in path)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "C:/x", "c:x", "//host/share", "a/", "a//b", "x" * 256, "a/" * 600 + "a"],
)
def test_absolute_and_overlong_paths_are_refused(path: str) -> None:
    assert path_fault(path) is not None


@pytest.mark.parametrize("path", ["a:b/c", "..a", "a..", "...", "-rf", "~", "a b", "日本/写真.jpg"])
def test_odd_but_harmless_names_pass(path: str) -> None:
    # A colon behind a single letter would be a drive; `a:b` is one.
    assert (path_fault(path) is None) == (not path.startswith("a:"))


@pytest.mark.requirement("S0-45")
@settings(max_examples=300)
@given(st.lists(GOOD_PATHS, min_size=1, max_size=8, unique_by=fold), st.data())
def test_case_and_composition_twins_are_found_among_others(
    paths: list[str], data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(paths))
    twin = data.draw(
        st.sampled_from([one.upper(), one.swapcase(), unicodedata.normalize("NFD", one)])
    )
    if twin == one or fold(twin) != fold(one):
        return
    with pytest.raises(InvalidInput) as caught:
        check_paths([*paths, twin])
    assert set(caught.value.details["paths"]) == {one, twin} or "folder" in caught.value.message


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("a/IMG.jpg", "a/img.jpg", "case"),
        ("caf\u00e9", "cafe\u0301", "composed"),
        ("stra\u00dfe", "STRASSE", "case"),
        ("\u212bngstrom", "\u00c5ngstrom", "composed"),
        ("a", "a/b", "folder"),
        ("A", "a/b/c", "folder"),
        ("same", "same", "same"),
    ],
)
def test_the_reason_is_said(one: str, other: str, why: str) -> None:
    for paths in ([one, other], [other, one], ["x/y", one, "z", other]):
        twins = find_twins(paths)
        assert twins is not None
        assert {*twins[:2]} == {one, other}
        assert why in twins[2]


def test_folders_that_differ_in_case_are_no_twins() -> None:
    assert find_twins(["A/x", "a/y", "B/a/x", "b/A/y"]) is None


@settings(max_examples=300)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["a", "A", "b", "c.txt", "..", "é", "a b"]), min_size=1, max_size=3
        ).map("/".join),
        max_size=6,
    )
)
def test_many_paths_are_judged_as_one_by_one(paths: list[str]) -> None:
    is_fine = not any(map(path_fault, paths)) and find_twins(paths) is None
    if is_fine:
        check_paths(paths)
    else:
        with pytest.raises(InvalidInput):
            check_paths(paths)
