"""One build's scratch: however rows arrive, the same shards leave it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.adapters.arrange.arrow import ArrowArranger
from dataplatform.adapters.workbench.lanes import Lane
from dataplatform.adapters.workbench.session import FOLDER_PREFIX, LocalWorkbench
from dataplatform.adapters.workbench.shard_writer import PREVIEW_ROWS_MAX
from dataplatform.releases.ports import Arrangement, Reuse, WrittenShard
from opendata.reading.blocks import BLOCK_BYTES
from opendata.wire.manifest import FileEntry

SCHEMA = pa.schema(
    [("at", pa.timestamp("us", tz="UTC")), ("id", pa.int64()), ("name", pa.string())]
)
BY_MONTH = Arrangement(SCHEMA, ("at", "id"), "month", "at", {})
DAY_MICROSECONDS = 86_400_000_000
GROUP_ROWS = 100


def row(number: int) -> tuple[int, int, str]:
    """One row a day from 1970 on."""
    return number * DAY_MICROSECONDS, number, f"name {number % 7}"


def batch(numbers: list[int]) -> pa.RecordBatch:
    at, ids, names = zip(*map(row, numbers), strict=True)
    return pa.record_batch([pa.array(at, SCHEMA[0].type), list(ids), list(names)], schema=SCHEMA)


def no_reuse(name: str, content_hash: str) -> FileEntry | None:
    return None


def shards_of(
    root: Path,
    batches: list[pa.RecordBatch],
    reuse: Reuse = no_reuse,
    arrangement: Arrangement = BY_MONTH,
    group_bytes: int = BLOCK_BYTES,
) -> tuple[list[WrittenShard], list[int], bool]:
    """The shards, their rows as they lie in the files, and whether anything was spooled."""
    bench = LocalWorkbench(root, ArrowArranger(), group_rows=GROUP_ROWS, group_bytes=group_bytes)
    with bench.session() as session:
        session.begin(arrangement, reuse)
        for one in batches:
            session.receive(one)
        spooled = bool(list(root.rglob("spool.parquet")))
        shards = list(session.shards())
        ids = [
            number
            for shard in shards
            if shard.parquet
            for number in pq.read_table(shard.parquet.path)["id"].to_pylist()
        ]
    return shards, ids, spooled


def test_rows_in_order_are_written_into_shards_without_being_spooled(tmp_path: Path) -> None:
    batches = [batch(list(range(start, start + 50))) for start in range(0, 400, 50)]
    shards, ids, spooled = shards_of(tmp_path, batches)
    assert not spooled
    assert ids == list(range(400))
    assert [shard.entry.name for shard in shards][:3] == ["1970-01", "1970-02", "1970-03"]


def test_a_late_row_sends_what_was_written_so_far_into_the_sort(tmp_path: Path) -> None:
    batches = [batch(list(range(10, 300))), batch([5]), batch([700, 699])]
    in_order, _, _ = shards_of(tmp_path / "a", [batch([5, *range(10, 300), 699, 700])])
    shards, ids, spooled = shards_of(tmp_path / "b", batches)
    assert spooled
    assert ids == [5, *range(10, 300), 699, 700]
    assert [shard.entry for shard in shards] == [shard.entry for shard in in_order]


@settings(max_examples=25, deadline=None)
@given(st.permutations(list(range(0, 120, 3))), st.integers(1, 40))
def test_the_same_rows_make_the_same_files_in_whatever_order_they_come(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], size: int
) -> None:
    root = tmp_path_factory.mktemp("builds")
    batches = [batch(numbers[at : at + size]) for at in range(0, len(numbers), size)]
    expected, _, _ = shards_of(root / "a", [batch(sorted(numbers))])
    shards, _, _ = shards_of(root / "b", batches)
    assert [shard.entry for shard in shards] == [shard.entry for shard in expected]


WIDE = pa.schema(
    [
        ("at", pa.timestamp("us", tz="UTC")),
        ("id", pa.int64()),
        ("text", pa.string()),
        ("words", pa.list_(pa.struct([("word", pa.string()), ("place", pa.int32())]))),
    ]
)
WIDE_BY_MONTH = Arrangement(WIDE, ("at", "id"), "month", "at", {})


def wide(lengths: list[int | None], start: int = 0) -> pa.RecordBatch:
    """Rows whose texts and lists have these lengths; None stands for a null."""
    numbers = range(start, start + len(lengths))
    return pa.RecordBatch.from_pylist(
        [
            {
                "at": number * DAY_MICROSECONDS // 4,
                "id": number,
                "text": None if length is None else str(number % 10) * length,
                "words": None
                if length is None
                else [{"word": "w" * length, "place": at} for at in range(length % 4)],
            }
            for number, length in zip(numbers, lengths, strict=True)
        ],
        schema=WIDE,
    )


@pytest.mark.requirement("S1-89")
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.none() | st.integers(0, 400), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.booleans(),
)
def test_wide_rows_make_the_same_files_wherever_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int | None],
    cuts: list[int],
    in_order: bool,
) -> None:
    root = tmp_path_factory.mktemp("builds")
    rows = wide(lengths)
    bounds = [0, *sorted(min(cut, len(lengths)) for cut in cuts), len(lengths)]
    batches = [rows.slice(start, end - start) for start, end in pairwise(bounds)]
    if not in_order:
        batches.reverse()
    bound: dict[str, Any] = {"arrangement": WIDE_BY_MONTH, "group_bytes": 1_000}
    expected, _, _ = shards_of(root / "a", [rows], **bound)
    shards, ids, _ = shards_of(root / "b", batches, **bound)
    assert ids == list(range(len(lengths)))
    assert [shard.entry for shard in shards] == [shard.entry for shard in expected]


@pytest.mark.requirement("S1-89")
def test_row_groups_of_wide_rows_are_bounded_in_bytes(tmp_path: Path) -> None:
    rows = wide([400, 400, 5_000, 40, *[None] * 20])
    shards, ids, _ = shards_of(tmp_path, [rows], no_reuse, WIDE_BY_MONTH, 1_000)
    chunks = shards[0].chunks
    assert chunks is not None
    assert [group.row_count for group in chunks.row_groups] == [2, 1, 21]
    assert ids == list(range(24))


@pytest.mark.requirement("S1-89")
def test_the_heads_of_all_shards_are_no_more_than_a_preview_wants(tmp_path: Path) -> None:
    numbers = list(range(31 * 100))
    shards, _, _ = shards_of(tmp_path, [batch(numbers)])
    heads = [shard.head.num_rows for shard in shards if shard.head is not None]
    assert heads[:2] == [31, 28]
    assert sum(heads) == PREVIEW_ROWS_MAX


def test_equal_rows_are_in_order_and_stay_as_many_as_they_are(tmp_path: Path) -> None:
    _, ids, spooled = shards_of(tmp_path, [batch([1, 1, 2]), batch([2, 2, 3])])
    assert (ids, spooled) == ([1, 1, 2, 2, 2, 3], False)


def test_batches_without_rows_change_nothing(tmp_path: Path) -> None:
    empty = batch([1]).slice(0, 0)
    _, ids, spooled = shards_of(tmp_path, [empty, batch([1, 2]), empty, batch([3])])
    assert (ids, spooled) == ([1, 2, 3], False)


def test_a_shard_of_the_same_content_is_the_earlier_release_s_own(tmp_path: Path) -> None:
    earlier = {s.entry.name: s.entry for s in shards_of(tmp_path / "a", [batch([1, 40])])[0]}

    def reuse(name: str, content_hash: str) -> FileEntry | None:
        entry = earlier[name]
        return entry if entry.content_hash == content_hash else None

    shards, _, _ = shards_of(tmp_path / "b", [batch([1, 40, 41])], reuse)
    assert [shard.parquet is None for shard in shards] == [True, False]
    assert shards[0].entry is earlier["1970-01"]


def test_scratch_is_gone_when_the_session_ends(tmp_path: Path) -> None:
    shards_of(tmp_path, [batch([3, 2, 1])])
    assert [left.name for left in tmp_path.iterdir()] == [".sweep"]


def test_what_a_killed_build_left_goes_with_the_next_session(tmp_path: Path) -> None:
    left = tmp_path / f"{FOLDER_PREFIX}killed"
    left.mkdir()
    (left / "spool.parquet").write_bytes(b"many rows")
    shards_of(tmp_path, [batch([1])])
    assert not left.exists()


def test_after_a_failure_in_a_lane_nothing_that_builds_on_it_succeeds() -> None:
    lane = Lane("test")
    failed = lane.submit(int, "no number")
    later = lane.submit(int, "1")
    with pytest.raises(ValueError, match="no number"):
        failed.result()
    with pytest.raises(ValueError, match="no number"):
        later.result()
    lane.close()
