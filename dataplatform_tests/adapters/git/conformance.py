"""What every spec repository promises, as tests: one suite for git and for the fake alike.

A module subclasses `SpecRepoConformance` and provides the fixture `world`: a repository with a hand
that writes it, and a reader of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import pytest

from dataplatform.ports import PathChange, SpecRepo
from opendata.wire.errors import InvalidInput, NotFound

Files = Mapping[str, bytes | str | None]
A, B, C = (
    "bundles/weekly/a-v1.0.0.yaml",
    "bundles/weekly/b-v1.0.0.yaml",
    "bundles/release/c-v1.0.0.yaml",
)
ODD = [
    "bundles/weekly/a name with spaces.yaml",
    "bundles/weekly/tab\tnewline\nquote\"back\\slash.yaml",
    "bundles/weekly/--option.yaml",
    "bundles/weekly/:(glob)*.yaml",
    "bundles/weekly/*.yaml",
    "bundles/weekly/ünïcode-数据-😀.yaml",
    "bundles/weekly/no-utf8-\udcff\udcfe.yaml",
    "bundles/weekly/$(touch hacked);`id`.yaml",
]  # fmt: skip


class Hand(Protocol):
    """What people do with a repository."""

    tip: str | None

    def commit(
        self, files: Files, *, parents: Sequence[str] | None = None, at: datetime | None = None
    ) -> str: ...
    def merge(self, other: str, files: Files | None = None) -> str: ...
    def reset(self, commit: str) -> None: ...
    def tag(self, name: str, commit: str) -> None: ...


@dataclass
class World:
    """A repository: the hand that writes it, and the port that reads it."""

    hand: Hand
    repo: SpecRepo


def told(changes: Sequence[PathChange]) -> list[tuple[str, str, str | None]]:
    return [(change.path, change.kind, change.commit) for change in changes]


class SpecRepoConformance:
    """All of `SpecRepo`."""

    def test_the_head_is_asked_for_and_remembered(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        assert world.repo.known_head() is None
        assert world.repo.head() == first
        second = world.hand.commit({A: "2"})
        assert world.repo.known_head() == first
        assert world.repo.head() == second == world.repo.known_head()

    def test_a_repository_without_a_commit_says_so(self, world: World) -> None:
        with pytest.raises(NotFound) as caught:
            world.repo.head()
        assert caught.value.code == "no_commit"

    def test_files_are_read_at_exact_commits(self, world: World) -> None:
        first = world.hand.commit({A: b"\x00\xff1\r\n", "other": "x"})
        second = world.hand.commit({A: None, B: ""})
        world.repo.head()
        assert world.repo.read(A, first) == b"\x00\xff1\r\n"
        assert world.repo.read(B, second) == b""
        for path, commit in ((A, second), (B, first), ("bundles", first), ("../etc/passwd", first)):
            with pytest.raises(NotFound):
                world.repo.read(path, commit)
        assert world.repo.paths("bundles", first) == [A]
        assert world.repo.paths("bundles/weekly/", second) == [B]
        assert world.repo.paths("", first) == [A, "other"]
        assert world.repo.paths(A, first) == [A]
        assert world.repo.paths("bund", first) == []

    def test_what_is_no_commit_is_not_guessed_at(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        world.repo.head()
        for text in (
            "",
            "HEAD",
            "main",
            first[:12],
            "--help",
            f"{first}^",
            first.upper()[:39] + "G",
        ):
            with pytest.raises(InvalidInput):
                world.repo.read(A, text)
            assert not world.repo.is_ancestor(text, first)
        with pytest.raises(NotFound) as caught:
            world.repo.paths("", "0" * 40)
        assert caught.value.code == "no_commit"
        assert not world.repo.is_ancestor("0" * 40, first)
        assert not world.repo.is_ancestor(first, "0" * 40)

    def test_everything_is_a_change_of_a_first_look(self, world: World) -> None:
        first = world.hand.commit({A: "1", B: "1", "README.md": "x"})
        second = world.hand.commit({B: "2"})
        head = world.repo.head()
        changes = world.repo.changes(None, head, "bundles")
        assert told(changes) == [(A, "added", first), (B, "added", second)]

    def test_a_range_tells_each_path_once_with_its_last_commit(self, world: World) -> None:
        first = world.hand.commit({A: "1", B: "1"})
        world.hand.commit({A: "2"})
        third = world.hand.commit({A: "3", C: "c"})
        world.hand.commit({B: None})
        head = world.hand.commit({"README.md": "x"})
        world.repo.head()
        assert told(world.repo.changes(first, head, "bundles")) == [
            (C, "added", third),
            (A, "modified", third),
            (B, "deleted", None),
        ]
        assert told(world.repo.changes(third, head, "bundles/release")) == []
        assert world.repo.touched(A, head) == third
        assert world.repo.touched(A, first) == first
        assert world.repo.touched("bundles/none.yaml", head) is None

    def test_a_change_that_was_taken_back_is_one(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        world.hand.commit({A: "2", B: "1"})
        head = world.hand.commit({A: "1", B: None})
        world.repo.head()
        assert told(world.repo.changes(first, head, "bundles")) == [
            (A, "modified", head),
            (B, "deleted", None),
        ]

    def test_a_merge_counts_as_what_it_brought(self, world: World) -> None:
        first = world.hand.commit({A: "1", B: "1"})
        side = world.hand.commit({B: "2", C: "1"}, parents=[first])
        own = world.hand.commit({A: "2"})
        merge = world.hand.merge(side)
        world.repo.head()
        assert told(world.repo.changes(own, merge, "bundles")) == [
            (C, "added", merge),
            (B, "modified", merge),
        ]
        assert told(world.repo.changes(first, merge, "bundles")) == [
            (C, "added", merge),
            (A, "modified", own),
            (B, "modified", merge),
        ]

    def test_a_merge_that_takes_everything_of_one_side_shows_what_it_took_back(
        self, world: World
    ) -> None:
        first = world.hand.commit({A: "1"})
        side = world.hand.commit({"README.md": "x"}, parents=[first])
        world.hand.commit({A: "2"})
        merge = world.hand.merge(side, {A: "1"})
        world.repo.head()
        assert told(world.repo.changes(first, merge, "bundles")) == [(A, "modified", merge)]

    def test_a_side_branch_that_undid_itself_changes_nothing_of_the_line(
        self, world: World
    ) -> None:
        first = world.hand.commit({A: "1"})
        side = world.hand.commit({A: "2"}, parents=[first])
        side = world.hand.commit({A: "1"}, parents=[side])
        world.hand.commit({B: "1"})
        merge = world.hand.merge(side)
        world.repo.head()
        assert told(world.repo.changes(first, merge, "bundles")) == [
            (B, "added", world.repo.touched(B, merge))
        ]

    def test_a_main_branch_that_was_merged_into_somebodys_own_shows_only_theirs(
        self, world: World
    ) -> None:
        """As `git pull` does it before a push: what was seen is a second parent then."""
        first = world.hand.commit({A: "1"})
        own = world.hand.commit({C: "c"}, parents=[first])
        seen = world.hand.commit({A: "2", B: "1"})
        world.hand.reset(own)
        merge = world.hand.merge(seen)
        world.repo.head()
        assert told(world.repo.changes(seen, merge, "bundles")) == [(C, "added", own)]

    def test_a_conflict_resolved_by_hand_is_the_merges(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        side = world.hand.commit({A: "2"}, parents=[first])
        own = world.hand.commit({A: "3"})
        merge = world.hand.merge(side, {A: "4"})
        world.repo.head()
        assert told(world.repo.changes(own, merge, "bundles")) == [(A, "modified", merge)]

    def test_a_renamed_file_stands_under_its_new_name(self, world: World) -> None:
        content = "".join(f"line {at}\n" for at in range(50))
        first = world.hand.commit({A: content, B: "1"})
        head = world.hand.commit({A: None, C: content})
        world.repo.head()
        assert world.repo.changes(first, head, "bundles") == [
            PathChange(C, "renamed", head, old_path=A)
        ]

    @pytest.mark.requirement("S0-4")
    def test_odd_names_are_names(self, world: World) -> None:
        first = world.hand.commit({"README.md": "x"})
        head = world.hand.commit({path: path.encode("utf-8", "surrogateescape") for path in ODD})
        world.repo.head()
        changes = world.repo.changes(first, head, "bundles")
        assert told(changes) == [(path, "added", head) for path in sorted(ODD)]
        for path in ODD:
            assert world.repo.read(path, head) == path.encode("utf-8", "surrogateescape")
            assert world.repo.touched(path, head) == head
            assert world.repo.paths(path, head) == [path]

    def test_dropped_commits_stay_readable(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        dropped = world.hand.commit({A: "2"})
        assert world.repo.head() == dropped
        world.hand.reset(first)
        kept = world.hand.commit({B: "1"})
        assert world.repo.head() == kept
        assert not world.repo.is_ancestor(dropped, kept)
        assert world.repo.is_ancestor(first, kept)
        assert world.repo.is_ancestor(kept, kept)
        assert world.repo.read(A, dropped) == b"2"
        assert told(world.repo.changes(first, dropped, "bundles")) == [(A, "modified", dropped)]

    def test_commits_have_the_time_of_their_committer(self, world: World) -> None:
        at = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
        commit = world.hand.commit({A: "1"}, at=at)
        world.repo.head()
        assert world.repo.committed_at(commit) == at

    @pytest.mark.requirement("S0-53")
    def test_a_version_is_a_file_or_the_nearest_tag(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        second = world.hand.commit({A: "2"})
        world.hand.tag("v1.0.0", first)
        third = world.hand.commit({"VERSION": "v1.1.0\n"})
        world.repo.head()
        assert world.repo.version(third) == "v1.1.0"
        assert world.repo.version(second) == world.repo.version(first) == "v1.0.0"

    def test_a_version_may_be_missing(self, world: World) -> None:
        first = world.hand.commit({A: "1"})
        world.repo.head()
        assert world.repo.version(first) is None
