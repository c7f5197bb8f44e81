from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.told import microseconds, plain_metadata, read_time
from opendata.wire.digest import canonical_json

MOMENTS = st.datetimes(
    min_value=datetime(1975, 1, 1),  # noqa: DTZ001
    max_value=datetime(5000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.requirement("S0-46")
@given(MOMENTS, st.sampled_from([10**6, 10**3, 1]))
def test_a_number_since_1970_is_read_in_the_unit_that_its_size_says(
    at: datetime, per_unit: int
) -> None:
    exact = microseconds(at)
    assert read_time(Decimal(exact) / per_unit if per_unit > 1 else exact) == exact


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_time_is_the_same_in_every_zone(at: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    there = at.astimezone(zone)
    assert read_time(there.isoformat()) == microseconds(at)
    assert read_time(there.replace(tzinfo=None).isoformat(), zone) == microseconds(at)


def test_a_bare_date_is_its_midnight() -> None:
    midnight = microseconds(datetime(2025, 6, 1, tzinfo=UTC))
    assert read_time("2025-06-01") == read_time("20250601") == read_time(date(2025, 6, 1))
    assert read_time("20250601") == midnight


@pytest.mark.requirement("S0-49")
@given(st.dictionaries(st.text(), ANYTHING))
def test_whatever_a_source_tells_becomes_one_json_object_and_always_the_same(
    metadata: dict[str, object],
) -> None:
    text = canonical_json(plain_metadata(metadata)).decode()
    assert isinstance(json.loads(text), dict)
    assert canonical_json(plain_metadata(json.loads(text))).decode() == text


def test_what_json_cannot_hold_is_made_text() -> None:
    told = {
        "id": 2**60,
        "at": datetime(2025, 6, 1, tzinfo=UTC),
        "ratio": math.nan,
        "raw": b"ab\xff",
        "path": PurePosixPath("a/b"),
        "half": "\ud800",
        "many": {"b", "a"},
    }
    assert plain_metadata(told) == {
        "id": str(2**60), "at": "2025-06-01T00:00:00+00:00", "ratio": None, "raw": "ab\ufffd",
        "path": "a/b", "half": "?", "many": ["a", "b"],
    }  # fmt: skip


def test_what_refers_to_itself_ends() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert "again" in plain_metadata(loop)
