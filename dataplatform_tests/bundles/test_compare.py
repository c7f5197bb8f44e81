"""What differs between two bundles: channels, files, bytes; the same in one pass or in many."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.compare import compare_bundles, have_same_files
from dataplatform.bundles.file_join import FileDiff
from dataplatform_tests.bundles.drafts import draft
from dataplatform_tests.reading.file_index.lake import JUNE, Row, locked, pictures, put_channel
from opendata.stores.memory import MemoryStore
from opendata.wire.bundle import DataRange, LockedChannel
from opendata.wire.codec import replace
from opendata.wire.digest import digest_of, prefixed

pytestmark = pytest.mark.requirement("S0-28", "S0-82")
PATHS = [f"2025/06/01/00/img_{at}.jpg" for at in range(8)]
# A file: which minute it is of (or none), which bytes, and which camera took it.
files = st.tuples(st.none() | st.integers(0, 3), st.integers(0, 2), st.sampled_from("ab"))
lakes = st.dictionaries(st.sampled_from(PATHS), files)


def rows_of(lake: dict[str, tuple[int | None, int, str]]) -> list[Row]:
    rows = [
        Row(
            file_id=path,
            relative_path=path,
            timestamp=None if minute is None else JUNE + timedelta(minutes=minute),
            size_bytes=10 + content,
            checksum=prefixed(digest_of(bytes([content]))),
            metadata=f'{{"camera_id":"{camera}"}}',
        )
        for path, (minute, content, camera) in lake.items()
    ]
    return sorted(rows, key=lambda row: (row.timestamp is None, row.timestamp or JUNE,
                                         row.relative_path))  # fmt: skip


def channel(store: MemoryStore, rows: list[Row], name: str = "images") -> LockedChannel:
    return locked(put_channel(store, name, rows, group_rows=3))


def by_hand(before: list[Row], after: list[Row]) -> dict[str, object]:
    """The difference as two dictionaries tell it."""
    old, new = ({row.relative_path: row for row in rows} for rows in (before, after))
    both = [(old[path], new[path]) for path in old.keys() & new.keys()]
    changed = [two for one, two in both if one.checksum != two.checksum]
    retold = [one for one, two in both if one.checksum == two.checksum and one != two]
    added = [row for path, row in new.items() if path not in old]
    removed = [row for path, row in old.items() if path not in new]
    return {
        name: {"files": len(rows), "bytes": sum(row.size_bytes for row in rows)}
        for name, rows in (("added", added), ("removed", removed), ("changed", changed))
    } | {"retold": len(retold)}


@given(before=lakes, after=lakes, kept=st.sampled_from([1, 2, 5, 1_000]))
def test_every_difference_is_found_however_little_may_be_held(
    before: dict[str, tuple[int | None, int, str]],
    after: dict[str, tuple[int | None, int, str]],
    kept: int,
) -> None:
    store = MemoryStore()
    old, new = rows_of(before), rows_of(after)
    locks = [draft([channel(store, rows)] if rows else []) for rows in (old, new)]
    diff = compare_bundles(store, *locks, kept_rows_max=kept)
    assert diff.total.to_json() == by_hand(old, new)
    same = by_hand(old, new) == by_hand(old, old)
    assert diff.is_same == (same and bool(old) == bool(new))
    if old and new:
        entries = [lock.channels[0] for lock in locks]
        assert have_same_files(store, *entries) == (old == new)


def test_a_difference_is_told_file_by_file_where_that_is_asked() -> None:
    store = MemoryStore()
    before = pictures(40, undated=2)
    after = [dataclasses.replace(row) for row in before]
    after[7] = dataclasses.replace(after[7], checksum="sha256:" + "1" * 64, size_bytes=5)
    gone = after.pop(20)
    locks = [draft([channel(store, rows)]) for rows in (before, after)]
    [one] = compare_bundles(store, *locks, examples=10).channels
    assert one.kind == "changed"
    assert {(file.kind, file.path, file.before_bytes, file.after_bytes)
            for file in one.files.examples} == {
        ("changed", before[7].relative_path, 1_007, 5),
        ("removed", gone.relative_path, 1_020, None),
    }  # fmt: skip
    assert one.to_json()["files"][0]["after"] == "sha256:" + "1" * 64


def test_examples_are_bounded_and_counts_are_not() -> None:
    store = MemoryStore()
    locks = [draft([channel(store, pictures(count))]) for count in (5, 50)]
    [one] = compare_bundles(store, *locks, examples=3).channels
    assert (len(one.files.examples), one.files.added.files) == (3, 45)


def test_channels_come_go_and_stay() -> None:
    store = MemoryStore()
    images, lidar, radar = (channel(store, pictures(4), name) for name in ("a", "b", "c"))
    diff = compare_bundles(store, draft([images, lidar]), draft([images, radar]))
    assert [(one.pair.channel, one.kind) for one in diff.channels] == [
        ("a", "same"), ("b", "removed"), ("c", "added"),
    ]  # fmt: skip
    assert diff.total.to_json() == {
        "added": {"files": 4, "bytes": 4_006},
        "removed": {"files": 4, "bytes": 4_006},
        "changed": {"files": 0, "bytes": 0},
        "retold": 0,
    }
    assert not diff.is_same
    assert compare_bundles(store, draft([images]), draft([images])).is_same


def test_only_what_lies_in_the_ranges_is_compared() -> None:
    store = MemoryStore()
    first_five = DataRange(end_time="2025-06-01T00:04:00Z")
    before, after = (
        draft([replace(channel(store, pictures(count)), data_range=first_five)])
        for count in (10, 20)
    )
    assert compare_bundles(store, before, after).total == FileDiff()
    whole = draft([channel(store, pictures(10))])
    assert compare_bundles(store, before, whole).total.added.files == 5


def test_the_same_files_at_another_version_of_a_channel_differ_in_nothing() -> None:
    store = MemoryStore()
    one = channel(store, pictures(10))
    other = replace(one, version="1.3.0")
    diff = compare_bundles(store, draft([one]), draft([other]))
    assert diff.channels[0].kind == "changed"
    assert diff.total.is_empty
