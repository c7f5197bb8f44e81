"""The definitions that the documents show, whole."""

from __future__ import annotations

#: The registry's reference example, as it stands in its document (S1-44).
TREASURY = """\
id: getopendata/treasury-yield-curve-daily
title: US Treasury Yield Curve (Daily)
description: Daily yield curve rates published by the U.S. Treasury.
license: Public Domain
repo: https://github.com/<org>/<repo>

source:
  provider: us_treasury
  homepage: https://home.treasury.gov/
  dataset: https://home.treasury.gov/resource-center/data-chart-center/interest-rates

topics: [rates, macro]
geo:
  scope: country
  countries: [US]
owners: [<github_handle>]
frequency: daily
"""

#: The platform's own sections, as the pinned interface shows them.
PLATFORM = """\
schedule: "0 6 * * 1-5"
time: date
timeout: 30m
inputs: [ns/other]
secrets: [FRED_API_KEY]
contract:
  primary_key: [date]
  fields:
    - {name: date, type: date32, nullable: false}
    - {name: y10, type: float64, unit: percent, aliases: ["10Y"], description: 10-year par yield}
  rules:
    - {kind: range, field: y10, min: -5, max: 50, severity: error}
quality:
  - {metric: completeness, field: y10, min: 0.99}
  - {expectation: expect_column_mean_to_be_between, column: y10, min_value: 0, max_value: 25}
release: {freeze: soft, observation: 7d, shard: month, stable_copy: auto, reader_min: "1.0.0"}
"""

#: Nothing but what is required.
MINIMAL = """\
id: a/b
title: T
description: D
license: MIT
repo: https://example.org/repo
source: {provider: p}
"""
