"""main.py fails in every way that code fails: one sentence, a class, a place, and no traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataplatform.adapters.runner import SubprocessRunner
from dataplatform.adapters.sources.web import WebSources
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.datasets.producing import ProduceRequest
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable
from dataplatform_tests.adapters.runner.running import Bench, where
from opendata.wire.errors import OpenDataError, Unavailable
from opendata.wire.ids import parse_dataset_id

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-86", "B47")]

NETWORK, PARSE = FailureClass.NETWORK, FailureClass.PARSE
UPLOAD, PERMISSION = FailureClass.UPLOAD, FailureClass.PERMISSION


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("statement", "failure_class", "sentence"),
    [
        ("raise ValueError('row 7: no date')", PARSE, "ValueError: row 7: no date"),
        ("raise KeyError('rate')", PARSE, "KeyError: rate"),
        ("[][1]", PARSE, "IndexError: list index out of range"),
        ("import json; json.loads('<')", PARSE, "JSONDecodeError: Expecting value"),
        ("import pyarrow as pa; pa.array(['x'], pa.int64())", PARSE, "ArrowInvalid: "),
        ("import no_such_module", PARSE, "No module named 'no_such_module'"),
        ("raise ConnectionResetError('gone')", NETWORK, "ConnectionResetError: gone"),
        ("raise TimeoutError('slow')", NETWORK, "TimeoutError: slow"),
        (
            "import urllib.request as u; u.urlopen('http://127.0.0.1:1')",
            NETWORK,
            "URLError: <urlopen error",
        ),
        (
            "import urllib.error as u; raise u.HTTPError('', 403, 'no', {}, None)",
            PERMISSION,
            "HTTPError: HTTP Error 403",
        ),
        (
            "import urllib.error as u; raise u.HTTPError('', 503, 'no', {}, None)",
            NETWORK,
            "HTTPError: HTTP Error 503",
        ),
        ("raise PermissionError(13, 'no', 'x')", PERMISSION, "PermissionError: "),
        ("raise OSError(28, 'No space left on device')", UPLOAD, "OSError: "),
        ("import sys; sys.exit(0)", PARSE, "ended itself with sys.exit(0)"),
        ("raise MemoryError", PARSE, "MemoryError"),
        ("raise KeyboardInterrupt", PARSE, "KeyboardInterrupt"),
    ],
)
def test_an_exception_is_told_with_its_class_and_place(
    bench: Bench, statement: str, failure_class: FailureClass, sentence: str
) -> None:
    error = bench.fail(f"""
        def produce(context):
            {statement}
    """)

    assert where(error) == (failure_class, "main.py:3")
    assert re.match(rf"({failure_class}|producer) failure in ", str(error))
    assert sentence in str(error)
    assert "\n" not in str(error)
    assert error.hint
    assert isinstance(error, SourceUnavailable if failure_class is NETWORK else ProducerFailed)


def test_the_traceback_goes_to_the_log_at_debug_only(bench: Bench) -> None:
    bench.fail("def produce(context): 1 / 0")

    assert "Traceback" not in bench.log
    assert any("ZeroDivisionError" in line for level, line in bench.lines if level == "debug")


@pytest.mark.parametrize(
    ("source", "place", "sentence"),
    [
        ("def produce(context:\n    pass", "main.py:1", "SyntaxError: '(' was never closed"),
        ("x = 1\nimport nothing_like_it", "main.py:2", "ModuleNotFoundError"),
        ("x = 1\nraise ValueError('early')", "main.py:2", "ValueError: early"),
        ("def build(context): pass", "main.py", "defines no function produce(context)"),
        ("produce = 3", "main.py", "produce is a int, not a function"),
        ("async def produce(context): pass", "main.py", "produce is async"),
        ("def produce(): pass", "main.py:1", "takes 0 positional arguments"),
        ("def produce(context):\n  x = \x00", "main.py", "null bytes"),
    ],
)
def test_what_cannot_be_called_is_told_with_its_place(
    bench: Bench, source: str, place: str, sentence: str
) -> None:
    error = bench.fail(source)

    assert sentence in str(error)
    assert where(error)[0] is PARSE
    assert str(error.message).split(": ")[0].endswith(place)


def test_a_file_that_is_not_there_is_told_before_anything_starts(bench: Bench) -> None:
    bench.write("").main_path.unlink()
    request = ProduceRequest(parse_dataset_id("test/it"), str(bench.main_path), 5)
    with pytest.raises(ProducerFailed, match="there is no") as failed:
        bench.runner().run(request, bench.batches.append, lambda level, line: None)
    assert "od init test/it" in str(failed.value.hint)


def test_the_innermost_line_of_main_py_is_the_place(bench: Bench) -> None:
    error = bench.fail("""
        import json

        def parse(text):
            return json.loads(text)

        def produce(context):
            return parse("<")
    """)

    assert where(error) == (PARSE, "main.py:5")


def test_an_error_beside_main_py_is_placed_in_main_py(bench: Bench) -> None:
    bench.write("")
    (bench.main_path.parent / "reading.py").write_text("def read():\n    return [][0]\n")

    error = bench.fail("""
        def produce(context):
            import reading
            return reading.read()
    """)

    assert where(error) == (PARSE, "main.py:4")


def test_an_error_that_was_wrapped_keeps_the_class_of_its_cause(bench: Bench) -> None:
    error = bench.fail("""
        def produce(context):
            try:
                raise ConnectionError("down")
            except OSError as error:
                raise RuntimeError("could not download") from error
    """)

    assert where(error) == (NETWORK, "main.py:6")
    assert "RuntimeError: could not download" in str(error)


def test_an_error_after_some_rows_fails_the_run(bench: Bench) -> None:
    error = bench.fail("""
        import pyarrow as pa

        def produce(context):
            yield pa.table({"n": [1]})
            raise ValueError("half way")
    """)

    assert where(error) == (PARSE, "main.py:6")
    assert len(bench.batches) == 1


def test_a_secret_that_was_not_handed_over_is_named(bench: Bench) -> None:
    error = bench.fail("""
        import os

        def produce(context):
            return os.environ["FRED_API_KEY"]
    """)

    assert where(error) == (PERMISSION, "main.py:5")
    assert "the environment variable FRED_API_KEY is not set" in str(error)
    assert "list FRED_API_KEY under `secrets:`" in str(error.hint)


def test_a_full_disk_on_our_side_is_an_upload_failure(bench: Bench) -> None:
    def receive(batch: object) -> None:
        raise OSError(28, "No space left on device")

    error = bench.fail(ENDLESS, receive=receive)

    assert isinstance(error, ProducerFailed)
    assert error.failure_class is UPLOAD
    assert "No space left" in str(error)


def test_a_store_that_does_not_answer_stays_our_own_retryable_error(bench: Bench) -> None:
    def receive(batch: object) -> None:
        raise Unavailable("the store does not answer")

    with pytest.raises(Unavailable, match="the store does not answer"):
        bench.run(ENDLESS, receive=receive)
    assert list(bench.work_root.glob("run-*")) == []


def test_a_listener_that_fails_is_heard_at_the_end(bench: Bench) -> None:
    class Full(Exception):
        pass

    def listen(level: str, line: str) -> None:
        raise Full

    bench._note = listen  # type: ignore[method-assign]
    with pytest.raises(Full):
        bench.run(
            "def produce(context): print('x'); import pyarrow; return pyarrow.table({'n': [1]})"
        )


def test_a_fault_of_the_platform_itself_is_not_blamed_on_main_py(bench: Bench) -> None:
    class Broken:
        def fetch(self, request: SourceRequest, path: str, stopped: object) -> SourceAnswer:
            raise RuntimeError("a bug of ours")

    runner = SubprocessRunner(
        work_root=bench.work_root, environments_root=bench.folder / "e", fetcher=Broken()
    )
    bench.write("def produce(context): context.fetch('https://data.example/')")
    request = ProduceRequest(parse_dataset_id("test/it"), str(bench.main_path), 60)

    with pytest.raises(RuntimeError, match="a bug of ours"):
        runner.run(request, bench.batches.append, bench._note)


def test_an_interpreter_that_is_gone_is_told_as_ours(bench: Bench) -> None:
    runner = SubprocessRunner(
        work_root=bench.work_root,
        environments_root=bench.folder / "e",
        fetcher=WebSources(),
        python=str(bench.folder / "no-python"),
    )
    bench.write("")
    request = ProduceRequest(parse_dataset_id("test/it"), str(bench.main_path), 60)

    with pytest.raises(Unavailable, match="cannot be started: No such file"):
        runner.run(request, bench.batches.append, bench._note)


def test_an_error_is_one_json_ready_value(bench: Bench) -> None:
    error = bench.fail("""
        def produce(context):
            print("reading page 3")
            raise ValueError("page 3 is empty")
    """)

    assert isinstance(error, OpenDataError)
    answer = error.to_json()
    assert (answer["category"], answer["code"], answer["retryable"]) == (
        "rejected",
        "producer_parse",
        False,
    )
    assert answer["details"]["log"] == ["reading page 3"]


ENDLESS = """
    import pyarrow as pa

    def produce(context):
        while True:
            yield pa.table({"n": list(range(10_000))})
"""
