"""What every index repository promises, as tests: one suite for git and for the fake alike.

A module subclasses `IndexRepoConformance` and provides the fixture `repo`: an empty repository.
"""

from __future__ import annotations

import pytest

from dataplatform.ports import IndexRepo

PATH = "bundles/weekly/model-v1.0.0-2025.25.yaml"
DATA = "data/model-v1.0.0-2025.25"
BOTH = [DATA, "main"]


class IndexRepoConformance:
    """All of `IndexRepo`."""

    def test_an_empty_repository_has_nothing(self, repo: IndexRepo) -> None:
        assert repo.read(PATH) is None
        assert repo.read(PATH, DATA) is None
        assert repo.version() is None

    @pytest.mark.requirement("S0-13", "S0-15")
    def test_files_are_on_every_branch_that_was_named(self, repo: IndexRepo) -> None:
        commits = repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
        assert list(commits) == BOTH
        assert repo.read(PATH) == repo.read(PATH, DATA) == b"a: 1\n"
        assert repo.read("other.yaml") is None

    def test_the_same_bytes_are_no_commit(self, repo: IndexRepo) -> None:
        first = repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
        assert repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="again") == first
        assert repo.publish({PATH: b"a: 2\n"}, branches=BOTH, message="two") != first
        assert repo.read(PATH, DATA) == b"a: 2\n"

    def test_a_new_branch_begins_at_the_main_one(self, repo: IndexRepo) -> None:
        repo.publish({"README.md": b"hub", "VERSION": b"v1.0.0\n"}, branches=["main"], message="0")
        repo.publish({PATH: b"a: 1\n"}, branches=[DATA], message="one")
        assert repo.read("README.md", DATA) == b"hub"
        assert repo.read(PATH) is None

    def test_what_is_on_main_already_makes_a_branch_without_a_commit(self, repo: IndexRepo) -> None:
        main = repo.publish({PATH: b"a: 1\n"}, branches=["main"], message="one")
        data = repo.publish({PATH: b"a: 1\n"}, branches=[DATA], message="two")
        assert data[DATA] == main["main"]
        assert repo.read(PATH, DATA) == b"a: 1\n"

    def test_branches_go_on_from_themselves(self, repo: IndexRepo) -> None:
        repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
        repo.publish({"other.yaml": b"b: 1\n"}, branches=["main"], message="two")
        repo.publish({PATH: b"a: 2\n"}, branches=BOTH, message="three")
        assert repo.read("other.yaml") == b"b: 1\n"
        assert repo.read("other.yaml", DATA) is None
        assert repo.read(PATH) == repo.read(PATH, DATA) == b"a: 2\n"

    @pytest.mark.requirement("S0-53")
    def test_the_version_is_what_the_main_branch_says(self, repo: IndexRepo) -> None:
        repo.publish({"VERSION": b"v1.0.1\n"}, branches=["main"], message="one")
        assert repo.version() == "v1.0.1"
