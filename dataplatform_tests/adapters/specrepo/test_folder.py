"""A working tree read as a spec repository: what stands there now, and nothing outside of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dataplatform.adapters.specrepo.folder import WORKING_TREE, FolderSpecRepo, is_committed
from dataplatform.channels.catalogue import read_channels
from dataplatform.ports import PathChange, SpecRepo
from opendata.wire.errors import NotFound
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S0-80")
SPEC = 'channel: images\nversion: "1.2.0"\nstorage_path: lake/\n'
PATH = "channels/images/spec-1.2.0.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "DataSpecHub"
    (root / PATH).parent.mkdir(parents=True)
    (root / PATH).write_text(SPEC)
    return root


def test_it_is_read_as_it_stands(root: Path) -> None:
    repo: SpecRepo = FolderSpecRepo(root)
    assert (repo.name, repo.head(), repo.known_head()) == ("DataSpecHub",) + (WORKING_TREE,) * 2
    assert repo.paths("channels/", repo.head()) == [PATH]
    assert repo.paths(PATH, repo.head()) == [PATH]
    assert repo.paths("bundles", repo.head()) == []
    assert repo.read(PATH, repo.head()).decode() == SPEC
    assert repo.touched(PATH, repo.head()) is None
    assert repo.changes(None, repo.head(), "channels") == [PathChange(PATH, "added")]
    assert repo.changes(repo.head(), repo.head(), "channels") == []
    assert repo.is_ancestor(WORKING_TREE, WORKING_TREE)
    assert not repo.is_ancestor("a" * 40, WORKING_TREE)
    os.utime(root / PATH, (1_750_000_000, 1_750_000_000))
    assert repo.committed_at(WORKING_TREE).timestamp() == 1_750_000_000
    [version] = read_channels(repo, repo.head()).versions("images")
    assert version == parse_version("1.2.0")


def test_its_version_is_what_the_file_says(root: Path) -> None:
    repo = FolderSpecRepo(root)
    assert repo.version(WORKING_TREE) is None
    (root / "VERSION").write_text("v1.1.0\n")
    assert repo.version(WORKING_TREE) == "v1.1.0"
    (root / "VERSION").write_text("")
    assert repo.version(WORKING_TREE) is None


def test_nothing_outside_of_it_is_read_and_nothing_hidden_listed(root: Path) -> None:
    (root.parent / "secret.yaml").write_text("secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    os.symlink(root.parent / "secret.yaml", root / "channels" / "link.yaml")
    repo = FolderSpecRepo(root)
    assert repo.paths("", WORKING_TREE) == [PATH]
    for path in ("../secret.yaml", "channels/link.yaml", "channels", "none", "none/a", "a\0b",
                 str(root.parent / "secret.yaml")):  # fmt: skip
        with pytest.raises(NotFound):
            repo.read(path, WORKING_TREE)


@pytest.mark.platform
def test_what_is_committed_is_told_from_what_is_not(root: Path) -> None:
    asked = ["bundles/weekly/a-v1.0.0.yaml", "channels", "taxonomy"]
    assert not is_committed(root, asked)
    git(root, "init", "-q", "-b", "main")
    assert not is_committed(root, asked)
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "first")
    assert is_committed(root, asked)
    (root / "README.md").write_text("not read here")
    assert is_committed(root, asked)
    (root / PATH).write_text(SPEC + "# changed\n")
    assert not is_committed(root, asked)
    git(root, "checkout", "-q", "--", PATH)
    (root / "channels" / "new").mkdir()
    (root / "channels" / "new" / "spec-1.0.0.yaml").write_text(SPEC)
    assert not is_committed(root, asked)


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)
