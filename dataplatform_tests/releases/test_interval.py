"""A run that asks for an interval replaces that interval and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from dataplatform.releases.interval import Interval, asked_interval
from opendata.wire.chunks import ColumnStats
from opendata.wire.manifest import FileEntry

DAY = pa.date32()


def _interval(start: str | None, end: str | None) -> Interval:
    interval = asked_interval("day", DAY, _at(start), _at(end))
    assert interval is not None
    return interval


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _shard(low: str | None, high: str | None, nulls: int = 0) -> FileEntry:
    return FileEntry(
        name="2024",
        path="objects/sha256/aa/aa",
        sha256="aa",
        size_bytes=1,
        row_count=10,
        chunks="objects/sha256/bb/bb",
        content_hash="sha256:aa",
        min=low,
        max=high,
        stats={"day": ColumnStats(null_count=nulls, min=low, max=high)},
    )


@pytest.mark.requirement("S1-58")
@pytest.mark.parametrize(
    ("start", "end", "touched"),
    [
        ("2024-02-01", "2024-02-29", True),
        ("2024-03-31", None, True),
        (None, "2024-01-01", True),
        ("2024-04-01", None, False),
        (None, "2023-12-31", False),
    ],
)
def test_an_interval_touches_the_shards_that_it_overlaps(
    start: str | None, end: str | None, touched: bool
) -> None:
    assert _interval(start, end).touches(_shard("2024-01-01", "2024-03-31")) is touched


def test_rows_without_a_time_are_never_replaced() -> None:
    assert not _interval("2024-01-01", None).touches(_shard(None, None, nulls=10))


@pytest.mark.requirement("S1-12")
def test_inside_and_outside_share_every_row_between_them() -> None:
    days = pa.array([0, 18_000, 19_723, 19_724, 19_753, 19_754, None], pa.int32()).cast(DAY)
    rows = pa.record_batch({"day": days})
    interval = _interval("2024-01-01", "2024-01-31")
    inside = interval.inside(rows)["day"].to_pylist()
    outside = interval.outside(rows)["day"].to_pylist()
    assert [str(day) for day in inside] == ["2024-01-01", "2024-01-02", "2024-01-31"]
    assert [str(day) for day in outside] == ["1970-01-01", "2019-04-14", "2024-02-01", "None"]


def test_no_bounds_ask_for_all_of_time() -> None:
    assert asked_interval("day", DAY, None, None) is None


def test_an_end_includes_its_last_microsecond_of_a_column_with_finer_ticks() -> None:
    kind, last = pa.timestamp("ns", "UTC"), datetime(2024, 1, 31, 23, 59, 59, 999_999, UTC)
    interval = asked_interval("at", kind, None, last)
    following = asked_interval("at", kind, datetime(2024, 2, 1, tzinfo=UTC), None)
    assert interval is not None and following is not None
    assert interval.last is not None
    assert interval.last + 1 == following.first
