"""Guessing a contract from values: key, time column and shard."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.contracts.model import Shard
from dataplatform.datasets.infer import propose

DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(4)]


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"name": ["x", "y"], "id": [1, 2]}, ("id",)),
        ({"title": ["x", "y"], "iso_code": ["a", "b"]}, ("iso_code",)),
        ({"userId": ["a", "b"], "n": [1, 2]}, ("userId",)),
        ({"word": ["x", "y"], "n": [1, 1]}, ("word",)),
        ({"date": DAYS, "value": [1.0, 1.0, 2.0, 3.0]}, ("date",)),
        ({"rate": [1.5, 2.5], "id": [7, 8]}, ("id",)),
        (
            {"rate": [1, 2, 3, 4], "date": DAYS[:2] * 2, "currency": ["USD", "USD", "JPY", "JPY"]},
            ("date", "currency"),
        ),
        ({"a": [1, 1, 2, 2], "b": [1, 2, 1, 2], "x": [0.5] * 4}, ("a", "b")),
        ({"a": [1, 1], "b": ["x", "x"]}, ()),
        ({"id": [1, None], "n": [2, 2]}, ()),
        ({"id": [1]}, ()),  # one row proves nothing
        ({"x": [0.1, 0.2]}, ()),  # measured values are no key
        ({"tags": [["a"], ["b"]]}, ()),
    ],
)
def test_the_key_tells_all_rows_apart_and_looks_like_one(
    columns: dict[str, Any], key: tuple[str, ...]
) -> None:
    proposal = propose(pa.table(columns))
    assert proposal.contract.primary_key == key
    assert proposal.key_found == bool(key)


def test_only_the_key_and_the_time_are_promised_to_be_there() -> None:
    table = pa.table({"id": [1, 2], "day": DAYS[:2], "note": ["x", "y"]})
    nullable = {field.name: field.nullable for field in propose(table).contract.fields}
    assert nullable == {"id": False, "day": False, "note": True}


def test_a_time_column_with_gaps_stays_optional() -> None:
    proposal = propose(pa.table({"id": [1, 2], "day": [DAYS[0], None]}))
    assert proposal.time == "day"
    assert proposal.contract.fields[1].nullable


@pytest.mark.parametrize(
    ("names", "time"),
    [
        (["born", "date"], "date"),
        (["updated_at", "born"], "updated_at"),
        (["born", "died"], "born"),
        (["candidate", "period"], "period"),
    ],
)
def test_the_time_column_is_a_date_that_is_called_so(names: list[str], time: str) -> None:
    assert propose(pa.table(dict.fromkeys(names, DAYS))).time == time


def test_numbers_and_texts_are_no_time() -> None:
    assert propose(pa.table({"year": [2023, 2024], "date": ["2024-01-01", "soon"]})).time is None


@pytest.mark.parametrize(
    ("rows", "step", "shard"),
    [
        (300, timedelta(days=1), Shard.NONE),  # less than a year
        (2_000, timedelta(days=1), Shard.YEAR),
        (500_000, timedelta(minutes=1), Shard.NONE),
        (5_000_000, timedelta(seconds=10), Shard.MONTH),
        (5_000_000, timedelta(milliseconds=50), Shard.DAY),
    ],
)
def test_shards_are_the_coarsest_that_stay_small(rows: int, step: timedelta, shard: Shard) -> None:
    start = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    milliseconds = int(step.total_seconds() * 1_000)
    stamps = pa.array(range(start, start + rows * milliseconds, milliseconds), pa.int64())
    table = pa.table({"at": stamps.cast(pa.timestamp("ms", "UTC"))})
    assert propose(table).shard is shard


def test_an_empty_column_is_text_until_something_stands_in_it() -> None:
    fields = propose(pa.table({"id": [1, 2], "later": pa.nulls(2)})).contract.fields
    assert [field.type for field in fields] == ["int64", "string"]
