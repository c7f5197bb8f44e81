"""`opendata.releases.build_index`: how keys lie in drafts, releases, tables and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata
from opendata import releases
from opendata.wire.chunks import ColumnStats
from opendata.wire.codec import replace
from opendata.wire.errors import InvalidInput, NotFound

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-47"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.usefixtures("project"),
]
DAYS = 90


def readings() -> pa.Table:
    days = pa.array(range(DAYS), pa.int32()).cast(pa.date32())
    station = [at * 7 % DAYS for at in range(DAYS)]
    return pa.table({"day": days, "station": station, "even": [at % 2 for at in range(DAYS)]})


def written(folder: Path, rows: pa.Table, group_rows: int = 10) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(rows, path, row_group_size=group_rows)
    return path


def test_a_file_is_indexed_as_it_lies(tmp_path: Path) -> None:
    index = releases.build_index(written(tmp_path, readings()), ["day", "station", "even"])
    assert [segment["row_count"] for segment in index["segments"]] == [10] * 9
    first = index["segments"][0]
    assert (first["shard"], first["row_group"]) == ("rows.parquet", 0)
    assert first["columns"]["day"] == {
        "min": "1970-01-01", "max": "1970-01-10", "null_count": 0, "distinct_estimate": 10,
    }  # fmt: skip
    assert first["columns"]["even"]["distinct_estimate"] == 2
    assert index["pruning"]["day"] == 1
    assert index["pruning"]["station"] < 0.5
    assert index["pruning"]["even"] == 0


@pytest.mark.parametrize(
    ("rows", "order", "unique", "distinct", "nulls", "repeated"),
    [
        ({"k": [1, 2, 3]}, "strict", True, 3, 0, 0),
        ({"k": [1, 1, 2]}, "with repeats", False, 2, 0, 2),
        ({"k": [2, 1, 3]}, "none", True, 3, 0, 0),
        ({"k": [1, None, 3]}, "strict", False, 2, 1, 0),
        ({"k": [3, 1, 1, 1, None]}, "none", False, 2, 1, 3),
        ({"k": pa.array([], pa.int64())}, "strict", True, 0, 0, 0),
    ],
)
def test_keys_are_counted_exactly(
    rows: dict[str, Any], order: str, unique: bool, distinct: int, nulls: int, repeated: int
) -> None:
    index = releases.build_index(pa.table(rows), ["k"])
    assert index["order"] == order
    assert index["unique"] is unique
    assert index["distinct_keys"] == distinct
    assert (index["null_rows"], index["repeated_rows"]) == (nulls, repeated)


def test_keys_together_may_be_unique_where_none_is_alone() -> None:
    rows = pa.table({"a": [1, 1, 2], "b": ["x", "y", "x"]})
    index = releases.build_index(rows, ["a", "b"])
    assert (index["order"], index["unique"]) == ("strict", True)
    assert index["distinct_est"] == {"a": 2, "b": 2}


def test_a_release_is_indexed_by_its_shards_and_read_only() -> None:
    opendata.push(
        readings(), "me/readings", license="CC0-1.0", time="day", release={"shard": "month"}
    )
    index = releases.build_index("me/readings@1.0.0", ["day"])
    assert [segment["shard"] for segment in index["segments"]] == ["1970-01", "1970-02", "1970-03"]
    assert index["pruning"] == {"day": 1}
    manifest = opendata.dataset("me/readings").release.manifest
    for segment, entry in zip(index["segments"], manifest.files, strict=True):
        assert segment["columns"]["day"]["min"] == entry.min


def test_a_draft_s_statistics_are_refreshed_and_it_is_still_what_it_was() -> None:
    draft = releases.draft(readings(), "me/readings", license="CC0-1.0", time="day")
    digest, candidate = draft.digest, draft.built.candidate
    releases.build_index(draft, ["day", "station"])
    assert draft.digest == digest  # they were right already: same candidate, same verdicts
    (entry,) = candidate.files
    stale = replace(entry, stats={**entry.stats, "day": ColumnStats(null_count=5)})
    draft.built = type(draft.built)(digest, replace(candidate, files=(stale,)), 1)
    releases.build_index(draft, ["day"])
    assert draft.built.candidate == candidate
    assert releases.publish_release(releases.freeze_release(draft))["release"] == "1.0.0"


def test_a_wrong_key_is_named_with_what_was_meant() -> None:
    with pytest.raises(NotFound, match="no column 'dya'") as refused:
        releases.build_index(readings(), ["dya"])
    assert "day" in str(refused.value.hint)
    with pytest.raises(InvalidInput, match="needs key columns"):
        releases.build_index(readings(), "day")
    with pytest.raises(InvalidInput, match="cannot be indexed"):
        releases.build_index(pa.table({"k": [[1], [2]]}), ["k"])


def test_the_example_in_the_reference_runs_as_shown() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "python-api.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "build_index(" in block]
    exec(compile(example, str(page), "exec"), {})
