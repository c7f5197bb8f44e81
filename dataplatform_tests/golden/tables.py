"""One small table per Arrow type that can be released, and one with all of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

NAN = float("nan")
BITS = (8, 16, 32, 64)
UNITS = ("s", "ms", "us", "ns")
# Without a zone: Arrow adds the column's.
_LATE = datetime(2024, 2, 29, 23, 59, 59)  # noqa: DTZ001
_EARLY = datetime(1969, 7, 20)  # noqa: DTZ001

SAMPLES: dict[pa.DataType, list[Any]] = {
    pa.null(): [None, None, None],
    pa.bool_(): [True, False, None],
    **{pa.type_for_alias(f"int{bits}"): [-1, 2 ** (bits - 1) - 1, None] for bits in BITS},
    **{pa.type_for_alias(f"uint{bits}"): [0, 2**bits - 1, None] for bits in BITS},
    pa.float16(): [1.5, NAN, None],
    pa.float32(): [-0.0, 0.1, None],
    pa.float64(): [1e300, NAN, None],
    pa.decimal32(7, 2): [Decimal("1.50"), Decimal("-99999.99"), None],
    pa.decimal64(12, 3): [Decimal("1.500"), Decimal("-999999999.999"), None],
    pa.decimal128(38, 10): [Decimal("1.5"), Decimal("-9999999999999999999999999999"), None],
    pa.decimal256(60, 5): [Decimal("1.5"), Decimal("-1e50"), None],
    pa.string(): ["", "利率 😀", None],
    pa.binary(): [b"", b"\x00\xff", None],
    pa.binary(3): [b"abc", b"\x00\x00\x00", None],
    pa.date32(): [date(2024, 2, 29), date(1, 1, 1), None],
    pa.date64(): [date(2024, 2, 29), date(1969, 12, 31), None],
    pa.time32("s"): [time(0), time(23, 59, 59), None],
    pa.time32("ms"): [time(0, 0, 0, 1000), time(23, 59, 59), None],
    pa.time64("us"): [time(0, 0, 0, 1), time(23, 59, 59), None],
    pa.time64("ns"): [time(0, 0, 0, 1), time(23, 59, 59), None],
    **{pa.timestamp(unit): [_LATE, _EARLY, None] for unit in UNITS},
    **{
        pa.timestamp("us", tz=zone): [_LATE, _EARLY, None]
        for zone in ("UTC", "Europe/Paris", "-03:30")
    },
    **{pa.duration(unit): [timedelta(1), timedelta(-1), None] for unit in UNITS},
    pa.list_(pa.int32()): [[1, None], [], None],
    pa.list_(pa.string(), 2): [["a", None], ["", "b"], None],
    pa.map_(pa.string(), pa.float64()): [[("a", NAN)], [], None],
    pa.struct([("a", pa.int8()), ("b c", pa.list_(pa.string()))]): [
        {"a": 1, "b c": ["x"]},
        {"a": None, "b c": None},
        None,
    ],
    pa.list_(pa.struct([("k", pa.date32())])): [[{"k": date(2024, 1, 1)}, None], [], None],
}


def sample(kind: pa.DataType) -> pa.Table:
    """A table of one column of that type, with ordinary, extreme and missing values."""
    return pa.table({"value": pa.array(SAMPLES[kind], kind)})


def all_types() -> pa.Table:
    """A table with a column of every type, named by its position."""
    columns = [pa.array(values, kind) for kind, values in SAMPLES.items()]
    return pa.table(columns, names=[f"c{at:02}" for at in range(len(columns))])
