"""What `produce` may give, and what arrives of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from dataplatform.errors import FailureClass
from dataplatform_tests.adapters.runner.running import Bench, where

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-13")]

ROWS = pa.table({"n": [1, 2, 3], "text": ["a", "b", None]})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    "ending",
    [
        "return table",
        "return table.to_batches()[0]",
        "return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())",
        "return [table.slice(0, 1), table.slice(1)]",
        "yield table.slice(0, 1); yield table.slice(1).to_batches()[0]",
        "return iter([table])",
        "return Stream(table)",
        "return Columns(table.to_batches()[0])",
        "import pandas; return table.to_pandas()",
        "import pandas; return table.to_pandas()[lambda frame: frame.n > 0]",
        "import pandas; return table.to_pandas().set_index('n')",
        "import polars; return polars.from_arrow(table)",
        "import polars; yield polars.from_arrow(table)",
    ],
)
def test_anything_that_speaks_arrow_is_a_result(bench: Bench, ending: str) -> None:
    outcome = bench.run(f"""
        import pyarrow as pa

        class Stream:
            def __init__(self, table): self.table = table
            def __arrow_c_stream__(self, schema=None): return self.table.__arrow_c_stream__()

        class Columns:
            def __init__(self, batch): self.batch = batch
            def __arrow_c_array__(self, schema=None): return self.batch.__arrow_c_array__()

        def produce(context):
            table = pa.table({{"n": [1, 2, 3], "text": ["a", "b", None]}})
            {ending}
    """)

    assert bench.table == ROWS
    assert (outcome.schema, outcome.row_count) == (ROWS.schema, 3)
    assert outcome.schema.metadata is None
    assert outcome.tools["pyarrow"] == pa.__version__
    assert set(outcome.tools) == {"python", "pyarrow", "opendata"}


def test_paths_may_be_relative_to_the_working_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    nearby = Bench(Path("."))

    error = nearby.fail("def produce(context): raise ValueError('no')")
    nearby.run("def produce(context): import pyarrow; return pyarrow.table({'n': [1]})")

    assert str(error) == "parse failure in producers/test/it/main.py:1: ValueError: no"


def test_large_results_arrive_in_slices(bench: Bench) -> None:
    outcome = bench.run("""
        import pyarrow as pa

        def produce(context):
            return pa.table({"n": pa.array(range(200_000))})
    """)

    assert [batch.num_rows for batch in bench.batches] == [65536, 65536, 65536, 3392]
    assert outcome.row_count == 200_000


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "produce gave None; give a pyarrow.Table"),
        ("{'n': [1]}", "produce gave dict;"),
        ("[{'n': 1}]", "produce gave dict as its table 1;"),
        ("'text'", "produce gave str;"),
        ("pa.array([1])", "table 1 is pyarrow.lib.Int64Array, a column rather than a table"),
        ("pa.chunked_array([[1]])", "a column rather than a table"),
        ("__import__('polars').LazyFrame({'n': [1]})", "a LazyFrame that is not collected"),
        ("pa.table({})", "no rows"),
        ("pa.table({'n': pa.array([], pa.int64())})", "produce gave no rows"),
        ("[]", "produce gave no rows"),
        ("pa.Table.from_arrays([pa.array([1])] * 2, ['n', 'n'])", "column 'n' more than once"),
    ],
)
def test_anything_else_is_refused_by_what_it_is(bench: Bench, result: str, message: str) -> None:
    error = bench.fail(f"""
        import pyarrow as pa

        def produce(context):
            return {result}
    """)

    assert message in str(error)
    assert where(error) == (FailureClass.PARSE, "main.py:4")
    assert "Traceback" not in str(error)


@pytest.mark.parametrize(
    "ending",
    [
        "return table",
        "yield from [table]",
        "return table.to_reader()",
        "import pandas; return pandas.DataFrame(columns=['n', 'text'])",
        "import polars; return polars.from_arrow(table)",
    ],
)
def test_where_there_is_nothing_for_an_interval_a_table_without_rows_says_so(
    bench: Bench, ending: str
) -> None:
    main = f"""
        import pyarrow as pa

        def produce(context):
            table = pa.table({{"n": pa.array([], pa.int64()), "text": pa.array([], pa.string())}})
            {ending}
    """
    outcome = bench.run(main, start_at=datetime(2024, 3, 1, tzinfo=UTC))
    assert (outcome.row_count, outcome.schema.names) == (0, ["n", "text"])
    assert "produce gave no rows" in bench.fail(main).message


def test_no_table_at_all_says_nothing_about_an_interval(bench: Bench) -> None:
    error = bench.fail(
        "def produce(context):\n    return []", start_at=datetime(2024, 3, 1, tzinfo=UTC)
    )
    assert "give an empty table with the same columns" in error.message


def test_a_batch_that_does_not_fit_is_named_with_the_yield_that_gave_it(bench: Bench) -> None:
    error = bench.fail("""
        import pyarrow as pa

        def produce(context):
            yield pa.table({"n": [1]})
            yield pa.table({"n": ["2"]})
    """)

    assert "column 'n' of batch 2 is string, in the first batch it was int64" in str(error)
    assert where(error) == (FailureClass.PARSE, "main.py:6")
    assert [batch.num_rows for batch in bench.batches] == [1]


def test_an_empty_frame_does_not_decide_the_types(bench: Bench) -> None:
    bench.run("""
        import pyarrow as pa

        def produce(context):
            yield pa.table({"n": pa.array([], pa.null())})
            yield pa.table({"n": [1]})
    """)

    assert bench.table == pa.table({"n": [1]})


def test_pandas_stays_away_until_main_py_asks_for_it(bench: Bench) -> None:
    bench.run("""
        import sys

        import pyarrow as pa

        def produce(context):
            table = pa.table({"n": [1.0, None]})
            print("before:", "pandas" in sys.modules)
            import pandas
            print("after:", pa.array(pandas.Series([float("nan")])).null_count)
            return table
    """)

    assert bench.log.splitlines() == ["before: False", "after: 1"]


def test_a_table_turns_into_a_frame_without_importing_pandas_first(bench: Bench) -> None:
    bench.run("""
        import pyarrow as pa

        def produce(context):
            return pa.table({"n": [1, 2, 3], "text": ["a", "b", None]}).to_pandas()
    """)

    assert bench.table == ROWS


def test_a_module_beside_main_py_is_importable_and_leaves_no_trace(bench: Bench) -> None:
    bench.write("")
    (bench.main_path.parent / "context.py").write_text("ROWS = {'n': [1]}")

    bench.run("""
        import pyarrow as pa
        from context import ROWS

        def produce(context):
            return pa.table(ROWS)
    """)

    assert sorted(path.name for path in bench.main_path.parent.iterdir()) == [
        "context.py",
        "main.py",
    ]


def test_rows_made_by_worker_processes_arrive(bench: Bench) -> None:
    bench.run("""
        import multiprocessing

        import pyarrow as pa

        def square(n):
            return n * n

        def produce(context):
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                return pa.table({"n": pool.map(square, [1, 2, 3])})
    """)

    assert bench.table.to_pydict() == {"n": [1, 4, 9]}
