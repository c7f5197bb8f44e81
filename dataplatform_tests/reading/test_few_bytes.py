"""Reading from as few bytes as that takes, each of them verified."""

from __future__ import annotations

import pytest

from dataplatform_tests.reading.library import (
    TABLE,
    Library,
)
from dataplatform_tests.reading.remote import Remote
from opendata.wire.chunks import read_chunk_list
from opendata.wire.errors import Corrupt


@pytest.mark.requirement("S1-27", "S1-59")
def test_shards_and_row_groups_that_cannot_match_are_not_read(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    found = library.read(access, start="2026-02-21", end="2026-02-28", columns=["rate"])
    stats = access.stats
    assert found.num_rows == 24
    assert (stats.shards_read, stats.shards_skipped) == (1, 2)
    assert (stats.row_groups_read, stats.row_groups_skipped) == (1, 2)
    february = library.bench.current.manifest.files[1]
    assert set(remote.requests) == {february.path, february.chunks}
    assert stats.bytes_read <= february.size_bytes < stats.bytes_total


@pytest.mark.requirement("S1-59")
def test_a_question_that_no_shard_can_answer_costs_no_request(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    assert library.read(access, start="2027-01-01").num_rows == 0
    assert library.read(access, filters=[("country", ">", "ZZ")]).num_rows == 0
    assert remote.requests == []
    assert access.stats.shards_skipped == 6


@pytest.mark.requirement("S1-58", "S1-59")
@pytest.mark.usefixtures("piecewise")
def test_only_the_asked_columns_are_fetched(library: Library) -> None:
    remote = Remote(library.bench.store)
    access = library.access(remote)
    assert library.read(access, columns=["country"]).equals(TABLE.select(["country"]))
    for entry in library.bench.current.manifest.files:
        chunks = read_chunk_list(library.bench.store.get(entry.chunks).data, entry.chunks)
        for group in chunks.row_groups:
            for column in group.columns:
                asked = remote.fetched(entry.path, column.bytes.offset)
                assert asked == (column.path == "country")
    lists = sum(
        stat.size
        for entry in library.bench.current.manifest.files
        if (stat := library.bench.store.stat(entry.chunks))
    )
    assert remote.bytes == access.stats.bytes_read + lists
    assert access.stats.bytes_read < access.stats.bytes_total


def test_small_objects_and_most_of_large_ones_are_fetched_whole(library: Library) -> None:
    remote = Remote(library.bench.store)
    library.read(library.access(remote))
    assert remote.ranges == []
    assert len(remote.requests) == 6  # a shard and its chunk list, three times


@pytest.mark.requirement("S4-8", "S1-59")
@pytest.mark.usefixtures("piecewise")
def test_a_damaged_part_is_found_where_it_is_read_and_not_fetched_where_it_is_not(
    library: Library,
) -> None:
    store, entry = library.bench.store, library.bench.current.manifest.files[1]
    sound = store.get(entry.path).data
    chunks = read_chunk_list(store.get(entry.chunks).data, entry.chunks)
    remote = Remote(store)
    for column in chunks.row_groups[1].columns:
        at = column.bytes.offset + column.bytes.length // 2
        store.put(entry.path, sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(Corrupt) as refused:
            library.read(library.access(remote), columns=[column.path])
        assert entry.path in refused.value.message
        for other in set(TABLE.column_names) - {column.path}:
            remote.ranges.clear()
            found = library.read(library.access(remote), columns=[other])
            assert found.equals(TABLE.select([other]))
            assert not remote.fetched(entry.path, at)
        outside = library.read(library.access(remote), end="2026-01-31", columns=[column.path])
        assert outside.num_rows == 93
    footer = chunks.footer.offset + 5
    store.put(entry.path, sound[:footer] + bytes([sound[footer] ^ 1]) + sound[footer + 1 :])
    with pytest.raises(Corrupt, match=entry.path):
        library.read(library.access(remote), columns=["rate"])


@pytest.mark.usefixtures("piecewise")
def test_an_object_that_ends_too_early_is_named(library: Library) -> None:
    store, entry = library.bench.store, library.bench.current.manifest.files[0]
    store.put(entry.path, store.get(entry.path).data[:200])
    with pytest.raises(Corrupt, match=entry.path):
        library.read(library.access(Remote(store)), columns=["note"])
