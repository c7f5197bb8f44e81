"""Tests name the requirements that they prove, by ids that exist."""

from __future__ import annotations

import ast

from scripts.requirements_page import comment_marks, marks, page, python_marks, titles


def test_every_mark_names_a_requirement_that_exists() -> None:
    known = titles()
    unknown = {
        requirement: places
        for found in (marks(), comment_marks())
        for requirement, places in found.items()
        if requirement not in known
    }
    assert unknown == {}


def test_marks_are_found_on_functions_classes_modules_and_parameters() -> None:
    source = """
pytestmark = pytest.mark.requirement("A-1")
@pytest.mark.requirement("A-2", "A-3")
def test_one(): ...
class TestGroup:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("A-4"))])
    def test_two(self, x): ...
"""
    assert list(python_marks(ast.parse(source))) == [
        ("", ["A-1"]),
        ("::test_one", ["A-2", "A-3"]),
        ("::TestGroup::test_two", ["A-4"]),
    ]


def test_the_page_says_which_requirements_are_proved() -> None:
    text = page({"S1-1": "One | two", "S1-2": "Three"}, {"S1-1": ["t.py::test_a"]})
    assert "1 of 2 requirements" in text
    assert "| S1-1 | One \\| two | `t.py::test_a` |" in text
    assert "| S1-2 | Three | – |" in text
