"""`od bundle workflows`: written into clones, shown without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.bundles.workflows import INDEX_SCRIPT, INDEX_WORKFLOW, SPEC_WORKFLOW
from dataplatform_tests.cli.shell import od


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "DataSpecHub", tmp_path / "DataIndexHub"
    for folder in folders:
        folder.mkdir()
    return folders


def write(clones: tuple[Path, Path], *options: str) -> dict[str, bool]:
    answer = od(
        "bundle", "workflows", "--spec-repo", str(clones[0]), "--index-repo", str(clones[1]),
        "--json", *options,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return {one["file"]: one["changed"] for one in answer.json["files"]}


@pytest.mark.requirement("S0-2", "S0-11", "S0-14")
def test_both_repositories_get_their_files_once(clones: tuple[Path, Path]) -> None:
    spec, index = clones
    expected = {str(spec / SPEC_WORKFLOW), str(index / INDEX_WORKFLOW), str(index / INDEX_SCRIPT)}
    assert write(clones, "--dry-run") == dict.fromkeys(expected, True)
    assert not list(spec.iterdir())
    assert write(clones) == dict.fromkeys(expected, True)
    assert all(Path(name).is_file() for name in expected)
    assert write(clones) == dict.fromkeys(expected, False)
    assert write(clones, "--branch", "trunk") == {
        str(spec / SPEC_WORKFLOW): True,
        str(index / INDEX_WORKFLOW): True,
        str(index / INDEX_SCRIPT): False,
    }
    assert "trunk" in (spec / SPEC_WORKFLOW).read_text()


def test_without_clones_they_are_shown() -> None:
    answer = od("bundle", "workflows", "--index", "acme/hub")
    assert answer.code == 0
    assert "acme/hub" in answer.out
    assert "repository_dispatch" in answer.out
    shown = od("bundle", "workflows", "--json").json
    assert sorted(shown) == ["index", "spec"]


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    answer = od("bundle", "workflows", "--spec-repo", str(tmp_path / "none"))
    assert answer.code == 4
    assert "there is no folder" in answer.err
    assert od("bundle", "workflows", "--spec", "no slash").code == 2
