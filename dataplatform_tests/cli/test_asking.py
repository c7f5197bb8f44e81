"""What can be asked of a release, and what is said about what cannot."""

from __future__ import annotations

from typing import Any

import pytest

import opendata
from opendata.wire.errors import InvalidInput

pytestmark = pytest.mark.platform


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        (("currency", "==", "USD"), 2),
        ([("currency", "==", "USD")], 2),
        ([[("currency", "==", "CHF")], [("rate", ">", 1.09)]], 2),
        ([("rate", "is null")], 1),
        ([("rate", "is not null", None)], 2),
        (("rate", "is null"), 1),
        ([], 3),
    ],
)
def test_filters_may_be_written_like_this(rates: str, filters: Any, rows: int) -> None:
    assert opendata.load(rates, filters=filters, format="arrow").num_rows == rows


@pytest.mark.parametrize(
    ("filters", "told", "hint"),
    [
        ("rate > 1", "'rate > 1' is no filter", 'filters=[("country", "==", "US")'),
        (["rate > 1"], "'rate > 1' is no filter", 'filters=[("country", "==", "US")'),
        ({"currency": "USD"}, "is no filter", 'filters=[("country", "==", "US")'),
        (3, "3 is no filter", 'filters=[("country", "==", "US")'),
        ([("rate", ">")], "is no filter", 'filters=[("country", "==", "US")'),
        ([("rate", "==", None)], "no value equals a null", "('rate', 'is null')"),
        ([("rate", "!=", None)], "no value equals a null", "('rate', 'is not null')"),
        ([("rate", "is null", 1)], "nothing follows 'is null'", "('rate', 'is null')"),
        ([("rate", ">", "high")], "rate is float64; it cannot be compared with 'high'", ""),
        ([("rate", "is nul", None)], "no filter operator", "did you mean 'is null'"),
    ],
)
def test_what_is_no_filter_gets_one_that_is(rates: str, filters: Any, told: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        opendata.load(rates, filters=filters)
    assert told in caught.value.message
    assert hint in (caught.value.hint or "")


def test_no_columns_are_no_question(rates: str) -> None:
    with pytest.raises(InvalidInput, match="without any column") as caught:
        opendata.load(rates, columns=[])
    assert "date, currency, rate" in (caught.value.hint or "")


def test_a_null_test_skips_what_has_no_nulls(rates: str) -> None:
    dataset = opendata.dataset(rates)
    assert dataset.load(filters=[("rate", "is null")], format="arrow").num_rows == 1
    assert dataset.stats.shards_skipped == 1
