"""Which shards a diff reads: those that are left give the same difference as all of them would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataplatform.releases.compare import shard_delta
from opendata.wire.digest import json_digest
from opendata.wire.manifest import FileEntry

pytestmark = pytest.mark.requirement("S4-28")
Row = tuple[int, int]
Cut = Mapping[int, Mapping[int, int]]
"""Shards by their name; in each, values by key. No key stands in two shards."""


@st.composite
def releases(draw: st.DrawFn) -> Cut:
    rows = draw(st.dictionaries(st.integers(0, 9), st.integers(0, 1)))
    shards: dict[int, dict[int, int]] = {}
    for key, value in sorted(rows.items()):
        shards.setdefault(draw(st.integers(0, 3)), {})[key] = value
    return shards


def entries(release: Cut) -> tuple[FileEntry, ...]:
    return tuple(
        FileEntry(
            name=str(name),
            path="",
            sha256="",
            size_bytes=0,
            row_count=len(shard),
            chunks="",
            content_hash=json_digest(sorted(shard.items())),
        )
        for name, shard in release.items()
    )


def rows(release: Cut, some: Iterable[FileEntry]) -> list[Row]:
    return [row for entry in some for row in release[int(entry.name)].items()]


def by_key(old: list[Row], new: list[Row]) -> tuple[set[int], set[int], set[int]]:
    before, after = dict(old), dict(new)
    both = before.keys() & after.keys()
    changed = {key for key in both if before[key] != after[key]}
    return after.keys() - both, before.keys() - both, changed


def as_multiset(old: list[Row], new: list[Row]) -> tuple[Counter[Row], Counter[Row]]:
    return Counter(new) - Counter(old), Counter(old) - Counter(new)


@given(old=releases(), new=releases())
@example(old={0: {1: 0}, 1: {2: 0}}, new={0: {2: 0}, 1: {1: 0}})  # two shards change names
@example(old={0: {1: 0, 2: 0}, 1: {3: 0}}, new={0: {2: 0}, 1: {3: 0, 1: 1}})  # a key moves
@example(old={0: {1: 0}}, new={1: {1: 0}, 2: {2: 0}})
def test_what_equal_shards_hide_is_no_difference(old: Cut, new: Cut) -> None:
    delta = shard_delta(entries(old), entries(new))
    read = rows(old, delta.old), rows(new, delta.new)
    everything = rows(old, entries(old)), rows(new, entries(new))
    assert by_key(*read) == by_key(*everything)
    assert as_multiset(*read) == as_multiset(*everything)


@given(release=releases())
def test_a_release_shares_every_shard_with_itself_under_any_name(release: Cut) -> None:
    renamed = {name + 10: shard for name, shard in release.items()}
    delta = shard_delta(entries(release), entries(renamed))
    assert (delta.old, delta.new) == ((), ())


def test_a_shard_that_is_there_twice_is_taken_away_once_for_each_time() -> None:
    twice, once = entries({0: {1: 0}, 1: {1: 0}}), entries({5: {1: 0}})
    assert len(shard_delta(twice, once).old) == 1
    assert not shard_delta(twice, once).new
