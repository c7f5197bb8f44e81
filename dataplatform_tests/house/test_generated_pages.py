"""Pages that are made from code say what the code says, and every page can be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.house.tree import ROOT
from scripts import cli_page, settings_page
from scripts.check_docs import unreachable

OUT_OF_DATE = "make pages writes it again"
HEADINGS = ("## Context", "## Decision", "## Consequences")


@pytest.mark.requirement("S2-110")
def test_the_page_of_commands_is_their_help() -> None:
    assert cli_page.PAGE.read_text(encoding="utf-8") == cli_page.page(), OUT_OF_DATE


@pytest.mark.requirement("S2-110")
def test_the_page_of_settings_is_what_the_code_says() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), OUT_OF_DATE


def test_every_variable_that_is_read_is_explained() -> None:
    assert settings_page.forgotten() == []


def test_a_table_of_settings_is_read_with_its_long_rows() -> None:
    docstring = """\
What the environment says.

==========  ==================
ONE         its meaning, which
            needs two lines
OTHER_ONE   short
==========  ==================
"""
    assert list(settings_page.table_rows(docstring)) == [
        ("ONE", "its meaning, which needs two lines"),
        ("OTHER_ONE", "short"),
    ]


def test_every_page_can_be_found_from_the_first_one() -> None:
    assert unreachable() == []


@pytest.mark.requirement("S2-86")
@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")), ids=lambda page: page.stem
)
def test_a_decision_says_why_what_and_what_follows(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {page.name[:4]} ")
    assert [line for line in lines if line.startswith("## ")] == list(HEADINGS)
