"""Requests may come in any order, again and again: readers end at what the newest commit asks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform_tests.bundles.bench import ASKED, PATH, Bench, bundle_text
from opendata.reading.file_index.bundles import find_bundle, read_bundle_pointer
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref, read_lock

pytestmark = pytest.mark.requirement("B5", "S0-1")
REF = parse_bundle_ref(PATH)
DAYS = ("2025-05-30", "2025-05-31", "2025-06-01")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Which of three contents each commit asks for, and in which order requests come: each at
    least once, some again."""
    contents = draw(st.lists(st.sampled_from(range(len(DAYS))), min_size=2, max_size=5))
    each = draw(st.permutations(range(len(contents))))
    again = draw(st.lists(st.sampled_from(range(len(contents))), max_size=4))
    return contents, [*each, *again]


def spec(content: int, number: int) -> str:
    return bundle_text(ASKED.replace(DAYS[-1], DAYS[content])) + f"# commit {number}\n"


@settings(max_examples=40)
@given(histories())
def test_the_newest_commit_wins_whatever_comes_when(
    history: tuple[Sequence[int], Sequence[int]],
) -> None:
    contents, arrivals = history
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.pictures("images", 2)
        bench.commit(bench.channel_spec("images"))
        commits = [
            bench.commit({PATH: spec(content, number)}) for number, content in enumerate(contents)
        ]
        newest_seen = -1
        for number in arrivals:
            done = bench.index(commit=commits[number])
            assert done.superseded == (number < newest_seen)
            newest_seen = max(newest_seen, number)
            shown = find_bundle(bench.store, "model").lock
            wanted = DAYS[contents[newest_seen]]
            assert shown.channels[0].data_range.start_time == f"{wanted}T00:00:00Z"
            pointer = read_bundle_pointer(bench.store, REF)
            assert pointer is not None
            assert pointer.spec_commit == commits[newest_seen]
        stored = list(bench.store.list(keys.bundle_revision_prefix(REF)))
        frozen = [read_lock(bench.store.get(stat.key).data, stat.key) for stat in stored]
        hashes = [one.integrity.content_hash for one in frozen]
        # No revision says what the one before it says.
        assert all(one != other for one, other in pairwise(hashes))


@st.composite
def rewritten(draw: st.DrawFn) -> tuple[list[tuple[int, int | None]], list[int]]:
    """A history of commits, each with its content and, after a force-push, the earlier one that the
    branch was set back to before it; and in which order all of them are asked for."""
    count = draw(st.integers(2, 5))
    commits: list[tuple[int, int | None]] = []
    for number in range(count):
        back = st.none() | st.integers(0, number - 1) if number else st.none()
        commits.append((draw(st.sampled_from(range(len(DAYS)))), draw(back)))
    return commits, list(draw(st.permutations(range(count))))


@settings(max_examples=40)
@given(rewritten(), st.booleans())
def test_after_force_pushes_the_branch_wins_whatever_comes_when(
    history: tuple[Sequence[tuple[int, int | None]], Sequence[int]], is_set_back: bool
) -> None:
    commits, arrivals = history
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.pictures("images", 2)
        bench.commit(bench.channel_spec("images"))
        made: list[str] = []
        for number, (content, back) in enumerate(commits):
            if back is not None:
                bench.specs.reset(made[back])
            made.append(bench.commit({PATH: spec(content, number)}))
        if is_set_back:
            bench.specs.reset(made[0])
        for number in arrivals:
            bench.index(commit=made[number])
        wanted = 0 if is_set_back else len(made) - 1
        pointer = read_bundle_pointer(bench.store, REF)
        assert pointer is not None
        assert pointer.spec_commit == made[wanted]
        day = DAYS[commits[wanted][0]]
        shown = find_bundle(bench.store, "model").lock
        assert shown.channels[0].data_range.start_time == f"{day}T00:00:00Z"
