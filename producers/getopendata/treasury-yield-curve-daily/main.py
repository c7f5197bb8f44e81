"""US Treasury par yield curve, one row per business day, from the Treasury's Atom feed.

The feed answers one calendar year per request. Without an interval a first run takes the years
since `FIRST_RUN_YEAR`; later runs ask again for the year of the newest row, which is still
growing, and go on from there. Older years come with an interval: `--start 1990-01-01`.
"""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

FEED = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/pages/xml"
FIRST_PUBLISHED_YEAR = 1990
FIRST_RUN_YEAR = 2022

ATOM = "{http://www.w3.org/2005/Atom}"
DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"
META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"

# BC_1MONTH, BC_1_5MONTH, BC_10YEAR; not BC_30YEARDISPLAY, which repeats another figure.
MATURITY = re.compile(r"BC_(\d+)(?:_(\d+))?(MONTH|YEAR)")
# A maturity that the Treasury adds later becomes a further column behind these.
COLUMNS = ("m1", "m1_5", "m2", "m3", "m4", "m6", "y1", "y2", "y3", "y5", "y7", "y10", "y20", "y30")

Row = dict[str, Any]


def produce(context: Any) -> pa.Table:
    """The asked interval (both ends count), or the previous release carried on to today."""
    start, end = _as_date(context.start), _as_date(context.end)
    previous = context.previous.table() if start is end is None and context.previous else None
    newest = pc.max(previous["date"]).as_py() if previous is not None else None
    years = years_to_ask(start, end, newest, today=dt.datetime.now(dt.UTC).date())
    rows = list(_fetched(context, years, newest))
    fresh = to_table([r for r in rows if (start or r["date"]) <= r["date"] <= (end or r["date"])])
    if previous is None or newest is None:
        return fresh
    older = previous.filter(pc.less(previous["date"], dt.date(newest.year, 1, 1)))
    return pa.concat_tables([older, fresh], promote_options="default")


def years_to_ask(
    start: dt.date | None, end: dt.date | None, newest: dt.date | None, *, today: dt.date
) -> range:
    """The calendar years to request, oldest first; an interval may be open at either side."""
    if start or end:
        first = max(start.year, FIRST_PUBLISHED_YEAR) if start else FIRST_PUBLISHED_YEAR
        last = min(end.year, today.year) if end else today.year
        return range(first, last + 1)
    return range(newest.year if newest else FIRST_RUN_YEAR, today.year + 1)


def _fetched(context: Any, years: range, newest: dt.date | None) -> Iterator[Row]:
    """The rows of these years, up to the first year for which nothing is published yet."""
    for year in years:
        url = f"{FEED}?data=daily_treasury_yield_curve&field_tdr_date_value={year}"
        rows = parse_feed(context.fetch(url).content, year=year, where=url)
        if not rows and newest is not None and year <= newest.year:
            raise ValueError(f"{url}: expected days up to {newest} at least, found an empty feed")
        if not rows:
            context.log.info("%d: nothing published yet; no later year is asked for", year)
            return
        context.log.info("%d: %d days, the last %s", year, len(rows), rows[-1]["date"])
        yield from rows


def parse_feed(content: bytes, *, year: int, where: str) -> list[Row]:
    """The days of one year's feed that carry a rate, oldest first.

    Raises ValueError when the answer is no such feed, or holds days of another year.
    """
    try:
        root = ET.fromstring(content)
    except ET.ParseError as error:
        raise ValueError(f"{where}: expected XML, found {content[:60]!r} ({error})") from error
    if root.tag != f"{ATOM}feed":
        raise ValueError(f"{where}: expected an Atom feed, found <{root.tag}>")
    rows = [
        _row(entry, f"{where}: entry {number}")
        for number, entry in enumerate(root.iter(f"{META}properties"), start=1)
    ]
    strangers = [row["date"] for row in rows if row["date"].year != year]
    if strangers:
        raise ValueError(f"{where}: expected days of {year}, found {strangers[0]}")
    # A few entries (2010-10-11, a holiday) hold a date and BC_30YEARDISPLAY = 0 but no rate.
    return sorted((row for row in rows if len(row) > 1), key=lambda row: row["date"])


def _row(properties: ET.Element, place: str) -> Row:
    """The date and the rates that are there; a maturity without a value is left out."""
    text = (properties.findtext(f"{DATA}NEW_DATE") or "").strip()
    try:
        row: Row = {"date": dt.datetime.fromisoformat(text).date()}
    except ValueError:
        raise ValueError(f"{place}: NEW_DATE: expected a date and time, found {text!r}") from None
    for element in properties:
        name = _column(element.tag.removeprefix(DATA))
        value = (element.text or "").strip()
        if name and value:
            row[name] = _percent(value, element.tag.removeprefix(DATA), place)
    return row


def _column(tag: str) -> str | None:
    match = MATURITY.fullmatch(tag)
    if match is None:
        return None
    number, fraction, unit = match.groups()
    return f"{unit[0].lower()}{number}" + (f"_{fraction}" if fraction else "")


def _percent(text: str, tag: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{place}: {tag}: expected a number, found {text!r}") from None


def to_table(rows: list[Row]) -> pa.Table:
    """The rows as a table: every known maturity, then any that the feed has added since."""
    added = sorted({name for row in rows for name in row} - {"date", *COLUMNS})
    names = [*COLUMNS, *added]
    schema = pa.schema([("date", pa.date32()), *((name, pa.float64()) for name in names)])
    return pa.Table.from_pylist(rows, schema=schema)


def _as_date(moment: Any) -> dt.date | None:
    return moment.date() if isinstance(moment, dt.datetime) else moment
