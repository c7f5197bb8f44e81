"""Room on disk for rows: what was put there comes back, in order, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.row_scratch.arrow import open_scratch
from opendata.wire.errors import OpenDataError

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("size", pa.int64(), nullable=False),
    ]
)
ROWS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.none() | st.integers(-3, 3),
        st.integers(0, 3),
    ),
    max_size=40,
)


def batches(rows: list[tuple[str, int | None, int]], size: int = 3) -> list[pa.RecordBatch]:
    """The rows in batches of a few."""
    return [
        pa.RecordBatch.from_arrays(
            [
                pa.array(values, field.type)
                for values, field in zip(zip(*some, strict=True), SCHEMA, strict=True)
            ],
            schema=SCHEMA,
        )
        for some in (rows[at : at + size] for at in range(0, len(rows), size))
    ]


def plain(found: pa.RecordBatch | pa.Table) -> list[tuple[str, int | None, int]]:
    """Rows as they were given."""
    columns = [found.column("path"), found.column("at").cast(pa.int64()), found.column("size")]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@given(ROWS, st.sampled_from([1, 500, 1 << 20]))
def test_rows_are_sorted_by_bytes_and_what_is_missing_comes_last(
    rows: list[tuple[str, int | None, int]], sort_bytes: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        open_scratch(Path(folder), sort_bytes) as scratch,
    ):
        found = scratch.sort(iter(batches(rows)), SCHEMA, ["at", "path"])
        ordered = [row for batch in found for row in plain(batch)]
    missing = 10
    assert ordered == sorted(
        rows, key=lambda row: (missing if row[1] is None else row[1], row[0].encode(), row[2])
    )


@given(ROWS)
def test_a_spool_is_read_as_often_as_one_likes(rows: list[tuple[str, int | None, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_scratch(Path(folder)) as scratch:
        spool = scratch.spool(SCHEMA)
        for batch in batches(rows):
            spool.append(batch)
        assert spool.rows == len(rows)
        both = [[row for batch in spool.batches() for row in plain(batch)] for _ in range(2)]
        beside = zip(spool.batches(), spool.batches(), strict=True)
        assert all(one.equals(other) for one, other in beside)
    assert both == [rows, rows]


def test_a_spool_that_was_read_takes_no_more(tmp_path: Path) -> None:
    (row,) = batches([("a", 1, 1)])
    with open_scratch(tmp_path) as scratch:
        spool = scratch.spool(SCHEMA)
        assert list(spool.batches()) == []
        with pytest.raises(ValueError, match="once it was read"):
            spool.append(row)


def test_bytes_are_kept_as_a_file(tmp_path: Path) -> None:
    with open_scratch(tmp_path) as scratch:
        assert Path(scratch.keep(iter([b"a", b"", b"bc"])).path).read_bytes() == b"abc"
    assert list(tmp_path.glob("channel-*")) == []


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OpenDataError) as caught, open_scratch(tmp_path / "file" / "below"):
        pass
    assert str(tmp_path) in caught.value.message


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from dataplatform.adapters.row_scratch.arrow import open_scratch
        with open_scratch(Path(sys.argv[1])) as scratch:
            scratch.keep([b"x"])
            print("there", flush=True)
            time.sleep(600)
        """
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.send_signal(signal.SIGKILL)
    (left,) = tmp_path.glob("channel-*")
    with open_scratch(tmp_path):
        assert not left.exists()
    assert list(tmp_path.glob("channel-*")) == []
