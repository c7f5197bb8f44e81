"""Partitions: names of shards, the moments that they cover, and how people write several."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.contracts.model import Shard
from dataplatform.datasets.parse import parse_definition
from dataplatform.datasets.partitions import (
    first_partition,
    in_ranges,
    partition_at,
    require_kind,
    window_of,
)
from dataplatform.releases.arranging import shard_name
from dataplatform_tests.datasets.documents import MINIMAL
from opendata.wire.errors import InvalidInput

MONTHLY = MINIMAL + "time: day\nrelease: {shard: month}\n"
KINDS = st.sampled_from([Shard.YEAR, Shard.MONTH, Shard.DAY])
MOMENTS = st.integers(0, 86_400 * 365 * 7_999).map(
    lambda seconds: datetime(1000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
MICROSECOND = timedelta(microseconds=1)


@given(MOMENTS, KINDS)
def test_a_moment_lies_in_the_partition_that_is_named_as_its_shard(
    at: datetime, kind: Shard
) -> None:
    name = partition_at(at, kind)
    assert name == shard_name(at.year * 10_000 + at.month * 100 + at.day, str(kind))
    window = window_of(name, kind)
    assert window.start_at <= at <= window.end_at


@given(MOMENTS, KINDS)
def test_partitions_follow_each_other_without_a_gap(at: datetime, kind: Shard) -> None:
    window = window_of(partition_at(at, kind), kind)
    following = window_of(partition_at(window.end_at + MICROSECOND, kind), kind)
    assert window.end_at + MICROSECOND == following.start_at
    assert in_ranges([following.first, window.first], kind) == f"{window.first}..{following.first}"


def test_several_are_written_as_the_first_and_the_last() -> None:
    window = window_of("2024-01..2024-06", Shard.MONTH)
    assert window.start_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert window.end_at == datetime(2024, 6, 30, 23, 59, 59, 999_999, UTC)
    assert window == window_of("2024-01...2024-06", Shard.MONTH)  # as Dagster writes it
    names = ["2024-07", "2023-12", "2024-01", "2024-03"]
    assert in_ranges(names, Shard.MONTH) == "2023-12..2024-01, 2024-03, 2024-07"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("2024", Shard.MONTH, "'2024' is no month of this data set"),
        ("2024-3", Shard.MONTH, "'2024-3' is no month"),
        ("2024-13", Shard.MONTH, "there is no month 2024-13"),
        ("2023-02-29", Shard.DAY, "there is no day 2023-02-29"),
        ("0000", Shard.YEAR, "there is no year 0000"),
        ("2024-01..", Shard.MONTH, "'2024-01..' has no end"),
        ("..2024-01", Shard.MONTH, "'..2024-01' has no beginning"),
        ("2024-06..2024-01", Shard.MONTH, "end (2024-01) before they start (2024-06)"),
    ],
)
def test_what_is_no_partition_is_refused_with_an_example(text: str, kind: Shard, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        window_of(text, kind)
    assert said in caught.value.message
    assert caught.value.hint is not None and "write" in caught.value.hint


def test_the_example_of_a_range_has_two_ends() -> None:
    with pytest.raises(InvalidInput) as caught:
        window_of("March", Shard.MONTH)
    assert caught.value.hint == "write one such as 2024-03, or 2024-01..2024-03"


@pytest.mark.parametrize(
    ("since", "earliest", "first"),
    [
        (", since: 2022-03-15", "1999-05-01", "2022-03"),
        ("", "1999-05-01", "1999-05"),
        ("", "1999-05-01T12:00:00Z", "1999-05"),
        ("", None, "2000-01"),
        ("", "0001-01-01", "2000-01"),
        ("", "what is no date", "2000-01"),
    ],
)
def test_partitions_begin_where_it_is_said_or_known(
    since: str, earliest: str | None, first: str
) -> None:
    text = MONTHLY.replace("month}", f"month{since}}}")
    definition = parse_definition(text, "opendata.yaml")
    assert first_partition(definition, Shard.MONTH, earliest) == first
    assert partition_at(date(2024, 2, 29), Shard.MONTH) == "2024-02"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (MINIMAL, "it names no `time` or no `release.shard`"),
        (MONTHLY + "inputs: [ns/other]\n", "it is derived from other data sets"),
    ],
)
def test_a_data_set_without_partitions_says_why(text: str, because: str) -> None:
    with pytest.raises(InvalidInput, match=because):
        require_kind(parse_definition(text, "opendata.yaml"))
