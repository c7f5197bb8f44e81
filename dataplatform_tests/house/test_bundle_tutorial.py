"""The tutorial on bundles runs as typed, from an empty folder to a bundle that is queried."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.house.test_doc_examples import blocks, typed
from dataplatform_tests.house.tree import ROOT

pytestmark = pytest.mark.platform

PAGE = ROOT / "docs/getting-started/your-first-bundle.md"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine where git knows who commits, and nothing else is set."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    for name in ("STORAGE", "SPEC_REPO", "INDEX_REPO", "REGISTRY", "SIGNING_KEY", "TRUST"):
        monkeypatch.delenv(f"OPENDATA_{name}", raising=False)
    monkeypatch.setenv("OPENDATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.requirement("S0-92", "S0-63", "S0-64", "S2-110")
@pytest.mark.usefixtures("person")
def test_a_newcomer_comes_from_an_empty_folder_to_a_queried_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    said: list[str] = []
    shown = 0
    for block in blocks(PAGE):
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            said = typed(block, folder)
        elif block.language == "text":
            lines = block.text.splitlines()
            assert [line for line in lines if line.strip() not in said] == []
            shown += len(lines)
    assert shown == 15
