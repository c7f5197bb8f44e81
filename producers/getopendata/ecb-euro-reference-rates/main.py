"""ECB euro reference rates in long form: one row per date and currency, since 1999-01-04.

The source is one zip that holds the whole history as a wide CSV, newest day first. The long form
is kept instead of the wide one because currencies come and go: a currency that ends simply has no
later rows, and one that begins needs no new column.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

SOURCE = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"
MEMBER = "eurofxref-hist.csv"
NO_RATE = "N/A"  # the currency was not quoted that day

SCHEMA = pa.schema([("date", pa.date32()), ("currency", pa.string()), ("rate", pa.float64())])

Row = tuple[dt.date, str, float]


def produce(context: Any) -> pa.Table:
    """All rates, or those of the asked interval (both ends count)."""
    rows = parse_rates(unzip(context.fetch(SOURCE).content, where=SOURCE), where=MEMBER)
    kept = sorted(row for row in rows if _is_asked(row[0], context.start, context.end))
    context.log.info(
        "%d rates read from %s, %d in the asked interval", len(rows), SOURCE, len(kept)
    )
    dates, currencies, rates = zip(*kept, strict=True) if kept else ((), (), ())
    return pa.table([dates, currencies, rates], schema=SCHEMA)


def unzip(content: bytes, *, where: str) -> str:
    """The CSV inside the zip. Raises ValueError when it is not the zip that the ECB publishes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(MEMBER).decode("utf-8-sig")
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{where}: expected a whole zip, found {len(content)} bytes that begin {content[:40]!r}"
        ) from error
    except KeyError:
        names = ", ".join(archive.namelist()) or "nothing"
        raise ValueError(f"{where}: expected {MEMBER} in the zip, found {names}") from None


def parse_rates(text: str, *, where: str) -> list[Row]:
    """Every quoted rate of the wide CSV. Raises ValueError with the line of what is wrong."""
    reader = csv.reader(io.StringIO(text, newline=""))
    currencies = _currencies(next(reader, []), where)
    rows: list[Row] = []
    for cells in reader:
        place = f"{where}:{reader.line_num}"
        day = _date(cells[0] if cells else "", place)
        rows.extend((day, code, rate) for code, rate in _quotes(cells[1:], currencies, place))
    return rows


def _currencies(header: list[str], where: str) -> list[str]:
    """The currency codes of the header, whose trailing comma makes an empty last name."""
    if not header or header[0].strip() != "Date":
        raise ValueError(f"{where}:1: expected a header that begins Date, found {header[:3]}")
    codes = [name.strip() for name in header[1:]]
    while codes and not codes[-1]:
        codes.pop()
    if not codes or not all(codes) or len(set(codes)) != len(codes):
        raise ValueError(f"{where}:1: expected different currency codes, found {codes}")
    return codes


def _quotes(cells: list[str], currencies: list[str], place: str) -> Iterator[tuple[str, float]]:
    values, rest = cells[: len(currencies)], cells[len(currencies) :]
    if len(values) != len(currencies) or any(cell.strip() for cell in rest):
        raise ValueError(
            f"{place}: expected {len(currencies)} rates, "
            f"found {sum(1 for cell in cells if cell.strip())}"
        )
    for code, cell in zip(currencies, values, strict=True):
        text = cell.strip()
        if text != NO_RATE:
            yield code, _rate(text, code, place)


def _date(text: str, place: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{place}: Date: expected YYYY-MM-DD, found {text!r}") from None


def _rate(text: str, code: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{place}: {code}: expected a rate or N/A, found {text!r}") from None


def _is_asked(day: dt.date, start: Any, end: Any) -> bool:
    return (start is None or day >= _as_date(start)) and (end is None or day <= _as_date(end))


def _as_date(moment: Any) -> dt.date:
    return moment.date() if isinstance(moment, dt.datetime) else moment
