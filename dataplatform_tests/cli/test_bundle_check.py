"""`od bundle check`, typed in a working tree of a spec repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dataplatform_tests.cli.shell import od

SPEC = "channels/lidar/spec-1.0.0.yaml"
BUNDLE = "bundles/weekly/model-v1.0.0-2025.25.yaml"
GOOD = {
    SPEC: "channel: lidar\nversion: 1.0.0\nstorage_path: lake\nexpected: {count: 3}\n",
    BUNDLE: "meta: {bundle_name: model, bundle_version: v1.0.0-2025.25, bundle_type: weekly}\n"
    "channels:\n  - {channel: lidar, version: '1'}\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree in order, and the folder that one types in."""
    write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENDATA_SPEC_REPO", raising=False)
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_a_repository_in_order_passes(tree: Path) -> None:
    answer = od("bundle", "check")
    assert answer.code == 0
    assert "2 files: 0 errors, 0 warnings" in answer.err
    assert od("bundle", "check", "--json").json == {
        "files": [BUNDLE, SPEC],
        "errors": [],
        "warnings": [],
    }


def test_mistakes_have_a_place_that_an_editor_can_jump_to(tree: Path) -> None:
    write(tree, {SPEC: GOOD[SPEC] + "pattern: '{a}{b}'\n"})
    answer = od("bundle", "check")
    assert answer.code == 2
    assert f"{SPEC}:5:14: error: nothing tells where {{a}} ends" in answer.out
    assert od("bundle", "check", "-q").out.splitlines() == [
        f"{SPEC}:5:14: nothing tells where {{a}} ends and {{b}} begins"
    ]
    (error,) = od("bundle", "check", "--json").json["errors"]
    assert (error["path"], error["line"], error["column"]) == (SPEC, 5, 14)


def test_a_part_of_the_repository_can_be_checked_from_anywhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {SPEC: "channel: lidar\n"})
    assert od("bundle", "check", BUNDLE).code == 0
    assert od("bundle", "check", "channels").code == 2
    assert od("bundle", "check", "bundles").code == 0
    monkeypatch.chdir(tree / "channels" / "lidar")
    assert od("bundle", "check", ".").code == 2
    monkeypatch.chdir(tree.parent)
    assert od("bundle", "check", str(tree)).code == 2


def test_where_there_is_no_repository_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = od("bundle", "check")
    assert answer.code == 4
    assert "no spec repository" in answer.err


@pytest.mark.platform
def test_a_commit_is_checked_as_it_was_committed(tree: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "good")
    write(tree, {SPEC: "channel: lidar\n"})
    assert od("bundle", "check").code == 2
    assert od("bundle", "check", "--commit", "HEAD").code == 0
    git("commit", "-q", "-a", "-m", "bad")
    assert od("bundle", "check", "--commit", "HEAD").code == 2
    assert od("bundle", "check", "--commit", "HEAD", "bundles").code == 0
