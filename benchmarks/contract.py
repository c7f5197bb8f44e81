"""Contracts: eight rules over ten million rows, judged by us, by hand in SQL, and by a library.

Every contender answers the same eight questions about the same Parquet file and returns how many
rows break each rule; a contender that miscounts is refused. What only we do (a profile of every
column, SQL of the contract's own in a process that can be ended) is part of our time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import PEAK_BYTES, SECONDS, Action, Case, Goal

ROWS: Final = 10_000_000
FIRST_ID: Final = 1_000
"""Identifiers begin here, so that they stay above `quality`, which two of the rules compare."""
COUNTRIES: Final = ("AT", "BR", "CH", "DE", "ES", "FR", "GB", "IN", "JP", "KE", "NZ", "US")
STATION: Final = "S[0-9]{4}"
TURNED: Final = 25
"""Readings beyond the range, put there so that a count of zero proves nothing."""
OURS, BY_HAND, LIBRARY = "opendata contract", "one DuckDB statement", "Great Expectations"

CONTRACT: Final[Mapping[str, Any]] = {
    "rules": [
        {"kind": "not_null", "field": "country"},
        {"kind": "range", "field": "reading", "min": -60, "max": 90},
        {"kind": "range", "field": "quality", "min": 0, "max": 99},
        {"kind": "regex", "field": "station", "pattern": STATION},
        {"kind": "enum_set", "field": "country", "values": list(COUNTRIES)},
        {"kind": "unique", "field": "id"},
        {"kind": "cross_field", "expr": "id > quality"},
        {"kind": "monotonic", "field": "ts"},
    ],
}

STATEMENT: Final = """
SELECT
    count(*) FILTER (WHERE country IS NULL),
    count(*) FILTER (WHERE reading < -60 OR reading > 90 OR isnan(reading)),
    count(*) FILTER (WHERE quality < 0 OR quality > 99),
    count(*) FILTER (WHERE NOT regexp_full_match(station, 'S[0-9]{4}')),
    count(*) FILTER (WHERE country NOT IN
        ('AT', 'BR', 'CH', 'DE', 'ES', 'FR', 'GB', 'IN', 'JP', 'KE', 'NZ', 'US')),
    count(id) - count(DISTINCT id),
    count(*) FILTER (WHERE NOT id > quality),
    (SELECT count(*) FILTER (WHERE ts < before)
     FROM (SELECT ts, lag(ts) OVER () AS before FROM read_parquet($1)))
FROM read_parquet($1)
"""


def _rows(folder: Path) -> Path:
    return folder / "rows.parquet"


def _prepare(folder: Path, scale: float) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from benchmarks.tables import SCHEMA, batches

    path, count = _rows(folder), int(ROWS * scale)
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
        for number, batch in enumerate(batches(count, first=FIRST_ID, total=FIRST_ID + count)):
            table = pa.Table.from_batches([batch])
            if not number:
                beyond = pa.array([at < TURNED for at in range(len(table))])
                readings = pc.if_else(beyond, 1_000.0, table["reading"])
                at = table.schema.get_field_index("reading")
                table = table.set_column(at, SCHEMA.field("reading"), readings)
            writer.write_table(table)
    unfinished.rename(path)


def _checked(counts: list[int]) -> dict[str, float]:
    """The counts as a figure; wrong ones end the contender."""
    assert counts == [0, TURNED, 0, 0, 0, 0, 0, 0], counts
    return {"rules": len(counts)}


def _ours(folder: Path) -> Action:
    from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
    from dataplatform.contracts.model import Contract

    engine, contract = DuckDBContractEngine(), Contract.model_validate(CONTRACT)

    def check() -> Mapping[str, float]:
        report, _ = engine.check([str(_rows(folder))], contract, time="ts")
        return _checked([finding.failing for finding in report.findings[-len(contract.rules) :]])

    return check


def _by_hand(folder: Path) -> Action:
    import duckdb

    def check() -> Mapping[str, float]:
        with duckdb.connect(":memory:", config={"threads": 2}) as connection:
            connection.execute("SET enable_progress_bar = false")
            row = connection.execute(STATEMENT, [str(_rows(folder))]).fetchone()
        return _checked(list(row or ()))

    return check


def _library(folder: Path) -> Action:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    gxe: Any = gx.expectations
    expectations: list[Callable[[], Any]] = [
        lambda: gxe.ExpectColumnValuesToNotBeNull(column="country"),
        lambda: gxe.ExpectColumnValuesToBeBetween(column="reading", min_value=-60, max_value=90),
        lambda: gxe.ExpectColumnValuesToBeBetween(column="quality", min_value=0, max_value=99),
        lambda: gxe.ExpectColumnValuesToMatchRegex(column="station", regex=f"^{STATION}$"),
        lambda: gxe.ExpectColumnValuesToBeInSet(column="country", value_set=list(COUNTRIES)),
        lambda: gxe.ExpectColumnValuesToBeUnique(column="id"),
        lambda: gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="id", column_B="quality"),
        lambda: gxe.ExpectColumnValuesToBeIncreasing(column="ts"),
    ]

    def check() -> Mapping[str, float]:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        made = [make() for make in expectations]
        for at, expectation in enumerate(made):
            expectation.meta = {"at": at}  # answers come in another order
        suite = gx.ExpectationSuite("rules", expectations=made)
        asset = context.data_sources.add_pandas("files").add_dataframe_asset("rows")
        columns = ["ts", "id", "country", "station", "reading", "quality"]
        frame = pd.read_parquet(_rows(folder), columns=columns)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        answers = batch.validate(suite).results
        counts = [0] * len(made)
        for one in answers:
            config: Any = one.expectation_config
            counts[config.meta["at"]] = int(one.result["unexpected_count"])
        return _checked(counts)

    return check


CASES = (
    Case(
        name="contract",
        title="A contract of eight rules over ten million rows of one Parquet file",
        prepare=_prepare,
        contenders={OURS: _ours, BY_HAND: _by_hand, LIBRARY: _library},
        goals=(
            Goal("eight rules, to one DuckDB statement", SECONDS, OURS, BY_HAND, at_most=1.2),
            Goal("eight rules, to Great Expectations", SECONDS, OURS, LIBRARY, at_most=1 / 6),
            Goal("peak memory, bytes", PEAK_BYTES, OURS, at_most=1 << 30),
        ),
        versions=("duckdb", "great-expectations", "pandas", "pyarrow"),
        notes=(
            "Imports are excluded; reading the file is not (Great Expectations judges a frame, "
            "so loading the six columns that it needs is part of its time). Ours also profiles "
            "all eight columns and judges the contract's own SQL in a process of its own."
        ),
    ),
)
