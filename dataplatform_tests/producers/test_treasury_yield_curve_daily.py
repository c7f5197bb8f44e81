"""US Treasury yield curve: the feed's shape through the years, and which years are asked for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.producers.recorded import ROOT, Published, Recorded, cut, producer

main = producer("treasury-yield-curve-daily")

EMPTY = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>'
RECORDED = ROOT / "demo" / "recorded"


def url(year: int) -> str:
    return f"{main.FEED}?data=daily_treasury_yield_curve&field_tdr_date_value={year}"


def curve(name: str, year: int) -> dict[str, dict[str, Any]]:
    """The rows of a cut by day, as published: a maturity without a figure is not there."""
    rows = main.parse_feed(cut(name), year=year, where=name)
    return {row["date"].isoformat(): row for row in rows}


@pytest.mark.requirement("S1-44", "S1-53")
def test_a_first_run_goes_on_until_a_year_has_nothing_published() -> None:
    context = Recorded(mirror=RECORDED)
    table = main.produce(context)
    assert context.asked == [url(2022), url(2023)]
    assert table.num_rows == 62
    assert table.column_names == ["date", *main.COLUMNS]
    assert table.slice(0, 1).to_pylist() == [
        {
            "date": dt.date(2022, 1, 3), "m1": 0.05, "m1_5": None, "m2": 0.06, "m3": 0.08,
            "m4": None, "m6": 0.22, "y1": 0.40, "y2": 0.78, "y3": 1.04, "y5": 1.37, "y7": 1.55,
            "y10": 1.63, "y20": 2.05, "y30": 2.01,
        }
    ]  # fmt: skip


def test_a_later_run_asks_again_for_the_newest_year_only_and_keeps_the_rest() -> None:
    older = main.to_table(list(curve("treasury-2001.xml", 2001).values()))
    first = main.produce(Recorded(mirror=RECORDED))
    context = Recorded(mirror=RECORDED, previous=Published(pa.concat_tables([older, first])))
    table = main.produce(context)
    assert context.asked[0] == url(2022)
    assert table["date"].to_pylist()[:3] == [
        dt.date(2001, 7, 30), dt.date(2001, 7, 31), dt.date(2022, 1, 3)
    ]  # fmt: skip
    assert table.num_rows == 64


def test_a_source_that_forgets_the_newest_year_stops_the_run() -> None:
    known = Published(main.to_table(list(curve("treasury-2001.xml", 2001).values())))
    with pytest.raises(ValueError, match="expected days up to 2001-07-31 at least, found an empty"):
        main.produce(Recorded({url(2001): EMPTY}, previous=known))


def test_an_interval_bounds_the_days_at_both_ends() -> None:
    context = Recorded(
        mirror=RECORDED,
        start=dt.datetime(2022, 2, 1, tzinfo=dt.UTC),
        end=dt.datetime(2022, 2, 28, 23, 59, tzinfo=dt.UTC),
    )
    days = main.produce(context)["date"].to_pylist()
    assert context.asked == [url(2022)]
    assert (days[0], days[-1], len(days)) == (dt.date(2022, 2, 1), dt.date(2022, 2, 28), 19)


@pytest.mark.parametrize(
    ("start", "end", "newest", "years"),
    [
        (None, None, None, [2022, 2023, 2024]),
        (None, None, dt.date(2023, 6, 1), [2023, 2024]),
        (dt.date(2023, 1, 1), None, None, [2023, 2024]),
        (dt.date(1985, 1, 1), dt.date(1991, 1, 1), None, [1990, 1991]),
        (None, dt.date(1991, 12, 31), None, [1990, 1991]),
        (dt.date(2024, 1, 1), dt.date(2030, 1, 1), dt.date(2023, 6, 1), [2024]),
        (dt.date(2030, 1, 1), dt.date(2031, 1, 1), None, []),
    ],
)
def test_which_years_are_asked_for(start: Any, end: Any, newest: Any, years: list[int]) -> None:
    today = dt.date(2024, 5, 17)
    assert list(main.years_to_ask(start, end, newest, today=today)) == years


def test_the_curve_of_1990_has_neither_short_bills_nor_twenty_years() -> None:
    first = curve("treasury-1990.xml", 1990)["1990-01-02"]
    assert sorted(first.keys() - {"date"}) == [
        "m3", "m6", "y1", "y10", "y2", "y3", "y30", "y5", "y7"
    ]  # fmt: skip
    assert (first["m3"], first["y10"], first["y30"]) == (7.83, 7.94, 8.0)


@pytest.mark.parametrize(
    ("name", "year", "column", "day_before", "first_day", "rate"),
    [
        ("treasury-1993.xml", 1993, "y20", "1993-09-30", "1993-10-01", 6.12),
        ("treasury-2001.xml", 2001, "m1", "2001-07-30", "2001-07-31", 3.67),
        ("treasury-2022-10.xml", 2022, "m4", "2022-10-18", "2022-10-19", 4.32),
    ],
)
def test_a_maturity_is_null_until_its_first_day(
    name: str, year: int, column: str, day_before: str, first_day: str, rate: float
) -> None:
    rows = curve(name, year)
    assert column not in rows[day_before]
    assert rows[first_day][column] == rate
    assert None in main.to_table(list(rows.values()))[column].to_pylist()


def test_a_maturity_that_ends_is_null_afterwards_and_not_zero() -> None:
    rows = curve("treasury-2002.xml", 2002)
    assert rows["2002-02-15"]["y30"] == 5.37
    assert "y30" not in rows["2002-02-19"]


def test_an_entry_without_any_rate_is_no_day() -> None:
    assert b"BC_30YEARDISPLAY" in cut("treasury-2010.xml")
    assert curve("treasury-2010.xml", 2010) == {}


def test_a_day_of_today_has_all_maturities_and_the_display_figure_is_not_one() -> None:
    [row] = curve("treasury-2026-08-05.xml", 2026).values()
    assert list(row) == ["date", *main.COLUMNS]
    assert (row["m1_5"], row["y30"]) == (3.78, 5.17)


def test_a_maturity_that_the_treasury_adds_becomes_a_further_column() -> None:
    added = b'<d:BC_50YEAR m:type="Edm.Double">5.30</d:BC_50YEAR></m:properties>'
    feed = cut("treasury-2026-08-05.xml").replace(b"</m:properties>", added)
    table = main.to_table(main.parse_feed(feed, year=2026, where="here"))
    assert table.column_names == ["date", *main.COLUMNS, "y50"]
    assert table["y50"].to_pylist() == [5.3]


@pytest.mark.parametrize(
    "figure",
    [
        b"",
        b'<d:BC_1_5MONTH m:type="Edm.Double"></d:BC_1_5MONTH>',
        b'<d:BC_1_5MONTH m:type="Edm.Double" m:null="true" />',
    ],
)
def test_absent_empty_and_null_elements_all_mean_no_figure(figure: bytes) -> None:
    known = b'<d:BC_1_5MONTH m:type="Edm.Double">3.78</d:BC_1_5MONTH>'
    feed = cut("treasury-2026-08-05.xml").replace(known, figure)
    [row] = main.parse_feed(feed, year=2026, where="here")
    assert "m1_5" not in row


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"<?xml", b"<html>busy", "here: expected XML, found b'<html>busy"),
        (b"</feed>", b"", "here: expected XML"),
        (b"feed", b"list", "here: expected an Atom feed, found <.*list>"),
        (b"2026-08-05T", b"05.08.2026 ", "entry 1: NEW_DATE: expected a date and time.*05.08.2026"),
        (b">3.77<", b">n/a<", "here: entry 1: BC_1MONTH: expected a number, found 'n/a'"),
        (b"2026-08-05T", b"2025-08-05T", "here: expected days of 2026, found 2025-08-05"),
    ],
)
def test_what_is_not_as_published_is_named_with_its_place(
    old: bytes, new: bytes, says: str
) -> None:
    feed = cut("treasury-2026-08-05.xml").replace(old, new)
    with pytest.raises(ValueError, match=says):
        main.parse_feed(feed, year=2026, where="here")
