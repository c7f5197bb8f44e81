"""Advice: what is worth a word before a definition is published, and never stops it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.datasets.advice import license_problem
from dataplatform.datasets.parse import check_definition, definition_warnings, parse_definition
from dataplatform_tests.datasets.documents import MINIMAL, TREASURY

RECOMMENDED = "topics: [x]\ngeo: {scope: global}\nowners: [me]\nfrequency: daily\n"


def advice(text: str) -> dict[str, str | None]:
    checked = check_definition(text, "f")
    assert checked.definition is not None
    return {str(one).removeprefix("f:"): one.hint for one in checked.warnings}


@pytest.mark.requirement("B15", "S1-44")
def test_public_domain_is_accepted_and_its_spdx_words_are_suggested() -> None:
    [hint] = [hint for told, hint in advice(TREASURY).items() if told.startswith("4:10:")]
    assert hint == "write CC0-1.0, PDDL-1.0 or LicenseRef-Public-Domain"


@pytest.mark.requirement("S1-32")
@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "Apache-2.0",
        "CC-BY-4.0",
        "MIT OR Apache-2.0",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "LicenseRef-Public-Domain",
        "(MIT AND LicenseRef-ECB)",
        "DocumentRef-a:LicenseRef-b",
    ],
)
def test_an_spdx_expression_needs_no_word(text: str) -> None:
    assert license_problem(text) is None


@pytest.mark.requirement("S1-32")
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Apache 2.0", "did you mean Apache-2.0?"),
        ("CC BY 4.0", "did you mean CC-BY-4.0?"),
        ("publicdomain", "see spdx.org/licenses"),
        ("public-domain", "CC0-1.0, PDDL-1.0"),
        ("MIT AND", "see spdx.org/licenses"),
        ("ask us", "see spdx.org/licenses"),
        ("许可", "see spdx.org/licenses"),
    ],
)
def test_any_other_licence_is_published_with_a_word_about_it(text: str, hint: str) -> None:
    [(told, given_hint)] = advice(MINIMAL.replace("MIT", text) + RECOMMENDED).items()
    assert told.startswith("4:10: ")
    assert hint in (given_hint or "")


@given(
    st.lists(
        st.sampled_from(["MIT", "AND", "OR", "WITH", "NOT", "(", ")", "+", "@", "é", "/", ",", "x",
                         "Classpath-exception-2.0", "LicenseRef-x", "GPL-2.0-only"]),
        max_size=7,
    ).map(" ".join)
)  # fmt: skip
def test_no_licence_text_breaks_the_check(text: str) -> None:
    problem = license_problem(text)
    assert problem is None or problem


@pytest.mark.requirement("S1-40")
@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("us", "write US"),
        ("UK", "write GB"),
        ("USA", "write US"),
        ("XX", "two letters, such as US"),
    ],
)
def test_an_unknown_country_is_told_with_the_right_code(code: str, hint: str) -> None:
    text = MINIMAL + RECOMMENDED.replace("global", f"multi, countries: [DE, {code}]")
    [(told, given_hint)] = advice(text).items()
    assert told.startswith("8:37: ")
    assert given_hint == hint


def test_a_country_scope_without_a_country_is_told() -> None:
    assert list(advice(MINIMAL + RECOMMENDED.replace("global", "country"))) == [
        "8:6: the scope is a country, but none is named"
    ]


@pytest.mark.requirement("S1-38", "S1-39", "S1-42", "S1-43")
def test_recommended_fields_are_recommended() -> None:
    told = [one.split(": ", 1)[1] for one in advice(MINIMAL)]
    assert told == [f"`{name}` is recommended" for name in ("topics", "geo", "owners", "frequency")]
    assert advice(MINIMAL + RECOMMENDED) == {}


@pytest.mark.requirement("S1-33")
def test_a_repo_that_nobody_can_follow_is_told() -> None:
    text = MINIMAL.replace("https://example.org/repo", "my/repo") + RECOMMENDED
    assert list(advice(text)) == ["5:7: 'my/repo' is no web address that a reader could follow"]


def test_placeholders_are_found_where_they_stand() -> None:
    placeholders = [told for told in advice(TREASURY) if "placeholder" in told]
    assert placeholders == [
        "5:7: <org> is still a placeholder",
        "16:10: <github_handle> is still a placeholder",
    ]


def test_placeholders_stand_apart_from_mere_advice() -> None:
    checked = check_definition(TREASURY, "f")
    assert [str(one) for one in checked.placeholders] == [
        "f:5:7: <org> is still a placeholder",
        "f:16:10: <github_handle> is still a placeholder",
    ]
    assert set(checked.placeholders) < set(checked.warnings)
    assert check_definition(MINIMAL, "f").placeholders == ()


def test_arrows_float_is_not_pythons() -> None:
    text = MINIMAL + RECOMMENDED + "contract: {fields: [{name: x, type: float}]}"
    assert advice(text) == {
        "11:37: `float` is Arrow's name of a 32-bit float; Python's own has 64 bits":
        "write float32 or float64"
    }  # fmt: skip


def test_advice_is_at_hand_without_the_text() -> None:
    definition = parse_definition(TREASURY, "opendata.yaml")
    warnings = definition_warnings(definition, "opendata.yaml")
    assert str(warnings[0]).startswith("opendata.yaml:1:1: 'Public Domain' is not in SPDX's words")
