"""Reading YAML: exact places, and refusal of everything that is huge, deep, odd or ambiguous."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dataplatform.datasets.yaml import (
    ALIASES_MAX,
    DEPTH_MAX,
    SIZE_MAX_BYTES,
    Spot,
    YamlDocument,
    read_yaml,
)
from dataplatform.errors import InvalidDefinition, SourceFinding


def read(text: str | bytes) -> YamlDocument:
    return read_yaml(text, "f.yaml")


def findings(text: str | bytes) -> list[SourceFinding]:
    with pytest.raises(InvalidDefinition) as refused:
        read(text)
    return list(refused.value.findings)


def test_values_keep_their_places() -> None:
    document = read("a: 1\nb:\n  - x\n  - {c: 'y'}\nü: [é, z]\n")
    assert document.value == {"a": 1, "b": ["x", {"c": "y"}], "ü": ["é", "z"]}
    assert document.spots[("b", 1, "c")] == Spot(4, 9)
    assert document.key_spots[("b", 1, "c")] == Spot(4, 6)
    assert document.spots[("ü", 1)] == Spot(5, 8)
    assert str(document.finding(("b", 1, "c"), "wrong")) == "f.yaml:4:9: wrong"
    assert str(document.finding(("b", 1, "gone", 0), "wrong")) == "f.yaml:4:5: wrong"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: null\nb: ~\nc:\n", {"a": None, "b": None, "c": None}),
        ("[1, -2, 0, 1.5, -.5, 0x1F, true, False]", [1, -2, 0, 1.5, -0.5, 31, True, False]),
        ("[1.2.3, 1-2, a1, '1', \"2\", 1 2]", ["1.2.3", "1-2", "a1", "1", "2", "1 2"]),
        ("date: 2024-01-31", {"date": "2024-01-31"}),
        ("at: 2024-01-31T12:00:00Z", {"at": "2024-01-31T12:00:00Z"}),
        ("1: a\ntrue: b\n2024-01-01: c", {"1": "a", "true": "b", "2024-01-01": "c"}),
        ("text: |\n  two\n  lines\n", {"text": "two\nlines\n"}),
        ("text: >-\n  one\n  line\n", {"text": "one line"}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("", None),
        ("# only a comment\n", None),
        ("- [on, 'off', y, n]", [[True, "off", "y", "n"]]),
    ],
)
def test_plain_yaml_reads_as_everyone_expects(text: str, value: Any) -> None:
    assert read(text).value == value


def test_a_byte_order_mark_is_no_content() -> None:
    assert read(b"\xef\xbb\xbfa: 1").value == read("\ufeffa: 1").value == {"a": 1}
    assert read(b"\xef\xbb\xbfa: 1").spots[("a",)] == Spot(1, 4)


def test_how_a_word_was_written_is_kept_for_hints() -> None:
    document = read("version: 1.10\ncountries: [NO, DE]\nname: NOT")
    assert document.bare[("version",)] == "1.10"
    assert document.bare[("countries", 0)] == "NO"
    assert document.bool_words == {("countries", 0)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: 'a' stands here twice, first in line 1"),
        ("a: {b: 1, b: 2}", "f.yaml:1:11: 'b' stands here twice"),
        ("1: a\n'1': b", "f.yaml:2:1: '1' stands here twice"),
        ("a: !!str 1", "f.yaml:1:4: tags such as 'tag:yaml.org,2002:str' are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml:1:4: tags such as"),
        ("a: !mine x", "f.yaml:1:4: tags such as '!mine'"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "f.yaml:3:3: merge keys"),
        ("--- a\n--- b", "f.yaml:2:1: a second document"),
        ("a: &x [*x]", "f.yaml:1:8: *x would contain itself"),
        ("a: *x", "f.yaml:1:4: no anchor &x"),
        ("? [a, b]\n: c", "f.yaml:1:3: a key is a word here"),
        ("? \n: c", "a key is a word here"),
        ("a:\n\tb: 1", "f.yaml:2:1: found character that cannot start any token"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed"),
        ("a: [1\nb: 2", "f.yaml:2:"),
        ("a: 'x", "f.yaml:1:6: found unexpected end of stream"),
        ("é: \x01", "f.yaml:1:4: this character is not allowed"),
        ("a: \ud800", "not UTF-8"),
        (b"a: 1\nb: \xff", "f.yaml:2:4: the file is not UTF-8 text"),
        ("a: 1".encode("utf-16"), "f.yaml:1:1: the file is not UTF-8 text"),
        ("a: .inf", "f.yaml:1:4: .inf cannot be stored"),
        ("a: .NaN", "f.yaml:1:4: .NaN cannot be stored"),
        ("a: 99999999999999999999", "not exact in JSON"),
        ("a: " + "9" * 6_000, "not exact in JSON"),
        ("a: 1.0e999", "larger than a 64-bit float"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_at_its_place(text: str | bytes, told: str) -> None:
    assert any(told in str(finding) for finding in findings(text)), findings(text)


@pytest.mark.parametrize("word", ["010", "08", "0o17", "0b1", "1_000", "12:30", "1:30:00.5", "1e5"])
def test_numbers_that_yaml_versions_read_differently_are_refused(word: str) -> None:
    [finding] = findings(f"a: {word}")
    assert "to some YAML readers" in finding.message
    assert finding.hint is not None
    assert finding.hint.endswith(f'as text, write "{word}"')
    assert read(f'a: "{word}"').value == {"a": word}


@pytest.mark.parametrize(
    ("word", "number"), [("1e5", "1.0e5"), ("1E-6", "1.0e-6"), ("-2e+3", "-2.0e+3")]
)
def test_a_float_without_a_point_is_told_how_it_is_written(word: str, number: str) -> None:
    [finding] = findings(f"a: {word}")
    assert finding.hint == f'as a number, write {number}; as text, write "{word}"'
    assert read(f"a: {number}").value == {"a": float(word)}


def test_all_that_can_be_told_is_told_at_once() -> None:
    assert len(findings("a: 1\na: 2\nb: !x 3\nc: 010\n")) == 3


def test_a_file_beyond_a_mebibyte_is_not_read() -> None:
    assert "at most 1,048,576" in findings(b"#" * (SIZE_MAX_BYTES + 1))[0].message
    assert read(b"#" * SIZE_MAX_BYTES).value is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "- " * 500_000,
        "{a: " * 200_000,
        "? " * 300_000,
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 20 + "*a" + "]" * 20,
    ],
)
def test_depth_is_bounded_also_through_aliases(text: str) -> None:
    assert findings(text)


def test_depth_up_to_the_bound_is_read() -> None:
    value = read("[" * DEPTH_MAX + "]" * DEPTH_MAX).value
    for _ in range(DEPTH_MAX - 1):
        [value] = value
    assert value == []


def test_a_bomb_of_nested_aliases_stops_while_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    [finding] = findings("\n".join(lines))
    assert "stands for more than 100,000 values" in finding.message


def test_aliases_are_bounded() -> None:
    text = "a: &a 1\nb: [" + ", ".join(["*a"] * ALIASES_MAX) + "]"
    assert read(text).value["b"] == [1] * ALIASES_MAX
    assert "aliases" in findings(text + "\nc: *a")[0].message


def test_a_million_small_keys_are_refused_early() -> None:
    assert "more than" in findings("{" + "a," * 500_000)[0].message


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
DOCUMENTS = st.recursive(
    st.one_of(WORDS, st.booleans(), st.none(), st.integers(-(2**53) + 1, 2**53 - 1)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(WORDS.filter(bool), inner, max_size=4),
    ),
    max_leaves=12,
)


class Quoting(yaml.SafeDumper):
    """Writes all text in double quotes, so that nothing about it is left to guess."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@given(DOCUMENTS)
def test_what_a_yaml_library_writes_is_read_back(document: Any) -> None:
    assert read(yaml.dump(document, Dumper=Quoting, allow_unicode=True)).value == document


@given(st.one_of(st.text(), st.binary(), st.text("a:[]{}-&*!|>'\"#%@? \n\t,<1.0", max_size=60)))
@example("a: *a &a")
@example("%TAG ! !x\n--- !y")
def test_no_input_ends_in_anything_but_a_document_or_findings(text: str | bytes) -> None:
    found: tuple[SourceFinding, ...] = ()
    try:
        assert () in read(text).spots
    except InvalidDefinition as error:
        found = error.findings
        assert found, "a refusal says why"
    assert all(one.line >= 1 and one.column >= 1 for one in found)
