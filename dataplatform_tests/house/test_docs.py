"""The check of the documentation finds what is wrong, and the documentation passes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_docs import findings, pages


@pytest.mark.requirement("S2-110")
def test_the_documentation_has_no_broken_links_or_examples() -> None:
    assert [problem for path in pages() for problem in findings(path)] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("see [it](gone.md)", "page.md:1: link leads nowhere: gone.md"),
        ("\n![it](gone.png)", "page.md:2: link leads nowhere: gone.png"),
        ("see [it](#gone)", "page.md:1: no such heading: #gone"),
        ("see [it](../../elsewhere.md)", "page.md:1: link leads out of the project"),
        ("```python\nx = = 1\n```", "page.md:1: this is no python"),
        ("```yaml\na: [1\n```", "page.md:1: this is no yaml"),
        ("```json\n{a}\n```", "page.md:1: this is no json"),
    ],
)
def test_a_mistake_is_found_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [found.startswith(problem) for found in findings(page, tmp_path)] == [True]


def test_a_sound_page_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A *bold* `name`, twice\n\n# A bold name twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n[a](#title) [b](other.md#a-bold-name-twice-1) [c](https://elsewhere.example)\n"
        "```python\nx = 1\n```\n```yaml\na: 1\n```\n```json\n{}\n```\n```text\n(((\n```\n"
    )
    assert findings(page, tmp_path) == []
