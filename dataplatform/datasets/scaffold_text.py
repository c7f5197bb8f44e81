"""The words of a new producer's files, with `$names` for `scaffold` to fill in.

Here belong texts alone. Each has to be right as it stands: the definition parses, `main.py` runs,
and whatever is made up says so.
"""

from __future__ import annotations

from typing import Final

#: Stands for a description that nobody has written yet; it is never published.
DESCRIPTION: Final = "Say in a sentence or two what one row is, and where it comes from."

DEFINITION: Final = """\
# What $id is. Two commands help while you edit:
#   od check                     what is missing or wrong, with its line
#   od run $id --dry-run         produce and check it, publish nothing
id: $id
title: $title
description: $description
license: CC0-1.0               # SPDX, spdx.org/licenses; take the licence of your source
repo: $repo

source:
  provider: $provider
  # homepage: https://example.org/
  # dataset: https://example.org/data.csv

topics: []                     # such as [rates, macro]
# geo: {scope: country, countries: [US]}     # scope: global, region, country or multi
owners: [$owner]
frequency: daily               # hourly, daily, weekly, monthly or adhoc

schedule: {enabled: false}     # true: runs as often as `frequency` says; or a cron, "0 6 * * 1-5"
time: date                     # the time column: coverage, od.load(start=…, end=…)
timeout: 10m
# inputs: [other/data-set]     # data sets that this one is derived from
# secrets: [MY_API_KEY]        # environment names that main.py may read

contract:
  primary_key: [date]
  fields:
    - {name: date, type: date32, nullable: false}
    - {name: value, type: float64, description: "What is measured, and in which unit"}
  rules:
    - {kind: range, field: value, min: 0}

quality:
  - {metric: completeness, field: value, min: 0.9}

release: {freeze: soft, observation: 7d}
"""

MAIN: Final = '''\
"""Produce $id.

`produce(context)` returns anything that speaks Arrow: a pyarrow table, a pandas or polars frame,
or yields them in batches. It may use

- context.fetch(url): the bytes of a source, with retries (`.content`, `.text`, `.json()`, `.path`)
- context.start, context.end: the asked interval, or None
- context.previous: the current release, or None (`.table()`, `.manifest`)
- context.log: the log of this run
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

# SAMPLE ROWS, made up so that this file runs as it is. Fetch your source instead:
# SOURCE = "https://example.org/data.csv"
SAMPLE = b"""date,value
2024-01-02,101.3
2024-01-03,101.9
2024-01-04,101.7
2024-01-05,102.4
"""

COLUMNS = {"date": pa.date32(), "value": pa.float64()}


def produce(context: Any) -> pa.Table:
    """All rows; what did not change costs nothing to publish again."""
    content = SAMPLE  # context.fetch(SOURCE).content
    context.log.warning("these are made-up sample rows; fetch your source in main.py")
    return pa_csv.read_csv(
        pa.BufferReader(content),
        convert_options=pa_csv.ConvertOptions(column_types=COLUMNS, include_columns=list(COLUMNS)),
    )
'''

README: Final = """\
# $heading

$origin

| column | type | |
|---|---|---|
$columns

```python
import opendata as od

od.load("$id")
```

| file | |
|---|---|
| `opendata.yaml` | what the data set is: fields, key, rules, schedule |
| `main.py` | how it is produced |

`od check` reads them, `od run $id --dry-run` tries them out, and
`od run $id --publish` makes a release.
"""

SAMPLE_ORIGIN: Final = (
    "**The rows are made up** until `main.py` fetches a source. Say here what one row is, where "
    "it comes from, what is odd about it, and under which licence it may be used."
)
TABLE_ORIGIN: Final = (
    "Produced from $source. Say here what one row is, where the file comes from, what is odd "
    "about it, and under which licence it may be used."
)

TABLE_DEFINITION: Final = """\
# What $id is, as guessed from the file's $row_count rows: read it before you publish.
id: $id
title: $title
description: $description
license: <licence of the source>     # in SPDX's words, spdx.org/licenses
repo: $repo

source: $source

topics: []                     # such as [rates, macro]
# geo: {scope: country, countries: [US]}     # scope: global, region, country or multi
owners: [$owner]
frequency: adhoc               # hourly, daily, weekly, monthly or adhoc
schedule: {enabled: false}     # true: runs as often as `frequency` says; or a cron, "0 6 * * 1-5"

$time

contract:
$key
  fields:
$fields

release: $release
"""
NO_TIME: Final = "# time: date                   # a date or timestamp column; none was found"
NO_KEY: Final = "  # primary_key: [id]          # no columns told all rows apart"

TABLE_MAIN: Final = '''\
"""Produce $id from $origin.

Columns and types are written out, so that the source is read the same way on every run: a value
that no longer fits stops the run with a sentence. Columns that are not listed are left out.
"""

from __future__ import annotations

${imports}

SOURCE = $source

COLUMNS = {
$types
}
${settings}

def produce(context: Any) -> pa.Table:
    """All rows; what did not change costs nothing to publish again."""
    path = $path
${read}
    context.log.info("%d rows read from %s", table.num_rows, SOURCE)
    return table
'''

CSV_SETTINGS: Final = """\
# The columns in the order of the file, and what stands for no value in it.
HEADER = [
$header
]
NO_VALUE = $no_value
"""
READ_CSV: Final = """\
    table = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(
            column_names=HEADER, skip_rows_after_names=1, encoding=$encoding
        ),
        parse_options=pa_csv.ParseOptions(delimiter=$separator, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=COLUMNS,
            include_columns=list(COLUMNS),
            null_values=NO_VALUE,
            strings_can_be_null=True,
        ),
    )"""
DROP_BLANK_ROWS: Final = """
    # Lines that hold separators alone are no rows.
    table = table.filter(reduce(pc.or_, [column.is_valid() for column in table.columns]))"""
READ_PARQUET: Final = """\
    table = pq.read_table(path).select(list(COLUMNS)).cast(pa.schema(COLUMNS))"""
READ_JSON: Final = """\
    with open(path, "rb") as file:
        rows = json.load(file)$rows_under
    table = pa.Table.from_pylist(rows, schema=pa.schema(COLUMNS))"""
READ_LINES: Final = """\
    with open(path, "rb") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    table = pa.Table.from_pylist(rows, schema=pa.schema(COLUMNS))"""
