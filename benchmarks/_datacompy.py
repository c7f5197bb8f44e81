"""datacompy on pandas or polars, run with the peers' own versions; see `peers`.

Prints one line of JSON: the seconds that reading both files and comparing them took, and the
counts. Imports are excluded, as for every contender.
"""

from __future__ import annotations

import json
import sys
import time

import datacompy  # type: ignore[import-not-found]
import pandas as pd
import polars as pl


def main(library: str, old: str, new: str, key: str) -> None:
    """Compare two files."""
    began = time.perf_counter()
    if library == "polars":
        found = datacompy.PolarsCompare(pl.read_parquet(old), pl.read_parquet(new), [key])
    else:
        found = datacompy.PandasCompare(pd.read_parquet(old), pd.read_parquet(new), [key])
    seconds = time.perf_counter() - began  # what is asked of it afterwards is not held against it
    answer = {
        "added": len(found.df2_unq_rows),
        "removed": len(found.df1_unq_rows),
        "changed": len(found.intersect_rows) - int(found.count_matching_rows()),
        "seconds": seconds,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
