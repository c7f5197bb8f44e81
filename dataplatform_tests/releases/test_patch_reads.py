"""What a patch reads: key columns where a record may lie, rows of what is written anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.releases.ports import Workbench, WorkSession
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.releases.patching import patch, patchable, upsert
from opendata.stores.memory import MemoryStore

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-35")]

GROUP_ROWS = 5
Read = tuple[tuple[str, ...] | None, int, int]
"""Columns (None for all), row group, and rows of one read."""


@dataclass
class WatchedWorkbench:
    """Notes what sessions of another workbench read of earlier shards."""

    inner: Workbench
    reads: list[Read] = field(default_factory=list)

    @contextmanager
    def session(self) -> Iterator[WorkSession]:
        with self.inner.session() as session:
            read = session.rows

            def rows(
                path: str, columns: Sequence[str] | None, groups: Sequence[int] | None
            ) -> Iterator[tuple[int, pa.RecordBatch]]:
                for group, batch in read(path, columns, groups):
                    self.reads.append((tuple(columns) if columns else None, group, batch.num_rows))
                    yield group, batch

            session.rows = rows  # type: ignore[method-assign]
            yield session


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Bench, WatchedWorkbench]:
    """Ninety days in three shards of row groups of five, keyed by a number that follows time."""
    sections: dict[str, Any] = {
        "time": "day",
        "release": {"shard": "month"},
        "contract": {"primary_key": ["id"]},
    }
    made = patchable(make_bench(MemoryStore(), tmp_path, group_rows=GROUP_ROWS, **sections))
    made.release(rates(*range(90)).append_column("id", pa.array(range(90), pa.int64())))
    workbench = WatchedWorkbench(made.ports.workbench)
    return replace(made, ports=replace(made.ports, workbench=workbench)), workbench


def test_a_correction_reads_one_key_group_and_the_shard_that_it_writes(
    watched: tuple[Bench, WatchedWorkbench],
) -> None:
    bench, workbench = watched
    patch(bench, [upsert(40, rate=-1.0)])
    keys = [read for read in workbench.reads if read[0] == ("id",)]
    assert keys == [(("id",), 1, GROUP_ROWS)]  # the 9th to 13th of February
    rows = [read for read in workbench.reads if read[0] is None]
    assert sum(read[2] for read in rows) == 28, "February, and nothing else"


def test_a_record_that_moves_is_read_whole_where_it_lies_and_where_it_goes(
    watched: tuple[Bench, WatchedWorkbench],
) -> None:
    bench, workbench = watched
    patch(bench, [upsert(40, day="2026-03-01")])
    rows = [read for read in workbench.reads if read[0] is None]
    assert sum(read[2] for read in rows) == GROUP_ROWS + 28 + 31


def test_no_read_is_larger_than_a_row_group(watched: tuple[Bench, WatchedWorkbench]) -> None:
    bench, workbench = watched
    add = {"op": "ADD_FIELD", "name": "note", "type": "string", "nullable": True}
    patch(bench, [add, upsert(1, note="a"), upsert(200, note="b", day="2026-02-14")])
    assert max(read[2] for read in workbench.reads) == GROUP_ROWS
    assert [entry.row_count for entry in bench.current.manifest.files] == [31, 29, 31]


def test_a_key_that_lies_beyond_all_bounds_reads_nothing_before_it_is_put(
    watched: tuple[Bench, WatchedWorkbench],
) -> None:
    bench, workbench = watched
    patch(bench, [upsert(500, day="2026-09-01", rate=1.0)])
    assert workbench.reads == []
