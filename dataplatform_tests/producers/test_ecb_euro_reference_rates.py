"""ECB euro reference rates: the zip, the wide CSV and its oddities, and the asked interval."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import pytest

from dataplatform_tests.producers.recorded import Recorded, cut, producer

main = producer("ecb-euro-reference-rates")

CSV = cut("eurofxref-hist-0.18.21.csv")


def zipped(content: bytes = CSV, name: str = "eurofxref-hist.csv") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def rates(**interval: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = main.produce(
        Recorded({main.SOURCE: zipped()}, **interval)
    ).to_pylist()
    return rows


def days_of(currency: str) -> list[str]:
    return [row["date"].isoformat() for row in rates() if row["currency"] == currency]


@pytest.mark.requirement("S1-13", "S1-53")
def test_the_wide_history_becomes_one_row_per_day_and_currency() -> None:
    table = main.produce(Recorded({main.SOURCE: zipped()}))
    assert table.schema == main.SCHEMA
    keys = [(row["date"], row["currency"]) for row in table.to_pylist()]
    assert keys == sorted(set(keys)), "oldest first, each key once"
    assert {"date": dt.date(2026, 8, 4), "currency": "USD", "rate": 1.1515} in table.to_pylist()


def test_no_quote_is_no_row_and_the_trailing_comma_no_currency() -> None:
    quoted = [row["currency"] for row in rates() if row["date"] == dt.date(1999, 1, 4)]
    assert "BGN" not in quoted
    assert "CYP" in quoted
    assert all(len(currency) == 3 for currency in quoted)
    [line] = [line for line in CSV.splitlines() if line.startswith(b"1999-01-04")]
    assert len(quoted) == 41 - line.count(b"N/A")


def test_a_currency_that_ended_keeps_its_history() -> None:
    assert days_of("ROL")[-1] == "2005-06-30"
    assert days_of("RON")[0] == "2005-07-01"
    assert days_of("RUB")[-1] == "2022-03-01"
    assert days_of("BGN")[-1] == "2025-12-31"


def test_whole_numbers_and_fractions_share_one_type() -> None:
    lira = {row["date"].year: row["rate"] for row in rates() if row["currency"] == "TRL"}
    assert lira[1999] == 372816.0
    assert [r["rate"] for r in rates() if r["currency"] == "GBP"][-1] == 0.85639


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, 14),
        (dt.date(2022, 3, 1), dt.date(2022, 3, 2), 2),
        (
            dt.datetime(2005, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2005, 12, 31, 23, 59, tzinfo=dt.UTC),
            3,
        ),
        (dt.date(2026, 1, 1), None, 3),
        (None, dt.date(1999, 12, 31), 2),
        (dt.date(2030, 1, 1), None, 0),
    ],
)
def test_an_interval_bounds_the_days_at_both_ends(start: Any, end: Any, days: int) -> None:
    assert len({row["date"] for row in rates(start=start, end=end)}) == days


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>maintenance</html>", "expected a whole zip, found 24 bytes that begin b'<html>"),
        (zipped()[:-100], "expected a whole zip"),
        (zipped(name="other.csv"), "expected eurofxref-hist.csv in the zip, found other.csv"),
        (zipped(b""), "eurofxref-hist.csv:1: expected a header that begins Date"),
        (zipped(b"Date,USD,USD,\n"), "csv:1: expected different currency codes"),
        (zipped(b"Date,USD,JPY,\n2026-08-04,1.15\n"), "csv:2: expected 2 rates, found 1"),
        (zipped(b"Date,USD,JPY,\n2026-08-04,1.15,\n"), "csv:2: JPY: expected a rate or N/A, .*''"),
        (zipped(b"Date,USD,\n2026-08-04,1.15,7\n"), "csv:2: expected 1 rates, found 2"),
        (zipped(b"Date,USD,\n04/08/2026,1.15,\n"), "csv:2: Date: expected YYYY-MM-DD.*04/08/2026"),
        (zipped(b"Date,USD,\n2026-08-04,-,\n"), "csv:2: USD: expected a rate or N/A, found '-'"),
    ],
)
def test_what_is_not_as_published_is_named_with_its_place(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        main.produce(Recorded({main.SOURCE: content}))
