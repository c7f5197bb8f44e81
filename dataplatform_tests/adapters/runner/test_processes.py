"""Processes that hang, crash, lie, litter and multiply: all classified, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform.errors import FailureClass, SourceUnavailable
from dataplatform_tests.adapters.runner.running import Bench, where
from opendata.wire.errors import OpenDataError

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-86")]

PARSE = FailureClass.PARSE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose runs must leave no process behind: each carries the folder's name."""
    yield Bench(tmp_path)
    assert processes_that_name(tmp_path) == []


def processes_that_name(folder: Path) -> list[str]:
    """Every process with the folder among its arguments or in its environment."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(f"{process.name}: {words[:200]!r}")
    return found


def stopped_at_work(bench: Bench, source: str) -> tuple[OpenDataError, int]:
    """How a run failed whose `produce` had begun, and after how many seconds it was stopped.

    A busy machine may need longer than the least time to come that far; then it gets more.
    """
    begun = bench.main_path.with_name("begun")
    for seconds in (2, 8, 32, 128):
        error = bench.fail(source, timeout_seconds=seconds)
        if begun.exists():
            return error, seconds
    raise AssertionError(f"`produce` never began: {error}")


def test_a_run_that_hangs_is_stopped_and_says_where_it_stood(bench: Bench) -> None:
    error, seconds = stopped_at_work(
        bench,
        """
        import time
        from pathlib import Path

        def produce(context):
            Path(__file__).with_name("begun").touch()
            print("waiting")
            time.sleep(600)
        """,
    )

    assert isinstance(error, SourceUnavailable)
    assert where(error) == (FailureClass.NETWORK, "main.py:8")
    assert f"did not finish within {seconds} s and was stopped" in str(error)
    assert "`timeout:`" in str(error.hint)
    assert error.details["log"] == ["waiting"]


def test_a_run_that_will_not_listen_is_stopped_all_the_same(bench: Bench) -> None:
    error, _ = stopped_at_work(
        bench,
        """
        import signal, time
        from pathlib import Path

        def produce(context):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(__file__).with_name("begun").touch()
            while True:
                try:
                    time.sleep(600)
                except BaseException:
                    pass
        """,
    )

    assert "was stopped" in str(error)


def test_a_run_that_stops_its_own_guardian_is_stopped_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.adapters.runner.process._GUARDIAN_SECONDS", 0.5)

    error, _ = stopped_at_work(
        bench,
        """
        import os, signal, time
        from pathlib import Path

        def produce(context):
            os.kill(os.getppid(), signal.SIGSTOP)
            Path(__file__).with_name("begun").touch()
            time.sleep(600)
        """,
    )

    assert "was stopped" in str(error)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "ended by SIGKILL: most often the machine ran out",
        ),
        ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)", "ended by SIGKILL"),
        ("os.killpg(0, signal.SIGKILL)", "ended by SIGKILL"),
        ("os.abort()", "ended by SIGABRT"),
        ("os._exit(0)", "exited with code 0 before produce had returned"),
        ("print('so long'); sys.stdout.flush(); os._exit(3)", "code 3 before produce had returned"),
        ("resource.setrlimit(resource.RLIMIT_CPU, (1, 1)); list(iter(int, 1))", "ended by SIG"),
    ],
)
def test_a_process_that_ends_too_early_is_told_by_how_it_ended(
    bench: Bench, statement: str, sentence: str
) -> None:
    error = bench.fail(f"""
        import os, resource, signal, sys, time

        def produce(context):
            {statement}
    """)

    assert sentence in str(error)
    assert where(error)[0] is PARSE


def test_a_crash_in_native_code_says_which_line_called_it(bench: Bench) -> None:
    error = bench.fail("""
        import ctypes

        def produce(context):
            ctypes.string_at(0)
    """)

    assert "ended by SIGSEGV" in str(error)
    assert where(error) == (PARSE, "main.py:5")


def test_memory_without_end_is_a_failure_of_the_producer(bench: Bench) -> None:
    error = bench.fail("""
        import resource

        import pyarrow as pa

        def produce(context):
            resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
            return pa.table({"n": pa.array(bytearray(2**31), pa.uint8())})
    """)

    assert where(error) == (PARSE, "main.py:8")
    assert "MemoryError" in str(error)


@pytest.mark.parametrize(
    "garbage",
    [
        "b'rubbish' * 1000",
        "b'\\xff\\xff\\xff\\xff\\x10\\x00\\x00\\x00' + b'x' * 5000",
        "b'\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x7f'",
        "b'\\0' * 8",
    ],
)
def test_rubbish_among_the_tables_is_refused(bench: Bench, garbage: str) -> None:
    error = bench.fail(f"""
        import os

        import pyarrow as pa

        def produce(context):
            yield pa.table({{"n": [1]}})
            for descriptor in range(3, 500):
                try:
                    if os.readlink(f"/proc/self/fd/{{descriptor}}").startswith("pipe:"):
                        os.write(descriptor, {garbage})
                except OSError:
                    pass
            yield pa.table({{"n": [2]}})
    """)

    assert where(error)[0] is PARSE


def test_rubbish_in_the_conversation_does_not_stop_a_run(bench: Bench) -> None:
    outcome = bench.run("""
        import os

        import pyarrow as pa

        def produce(context):
            for descriptor in range(3, 500):
                try:
                    if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                        os.write(descriptor, b'{"type": 1}\\n[]\\nx\\n')
                except OSError:
                    pass
            return pa.table({"n": [1]})
    """)

    assert outcome.row_count == 1


def test_closed_descriptors_are_a_failure_not_a_wait(bench: Bench) -> None:
    error = bench.fail("""
        import os

        import pyarrow as pa

        def produce(context):
            os.closerange(3, 100)
            return pa.table({"n": [1]})
    """)

    assert where(error)[0] is PARSE


def test_rubbish_on_standard_output_is_only_log(bench: Bench) -> None:
    outcome = bench.run("""
        import os, sys

        import pyarrow as pa

        def produce(context):
            os.write(1, b"\\xff\\xfe bytes\\n" + b"long " * 100_000 + b"\\n")
            os.write(2, b"\\x1b[31mred\\x1b[0m\\n10%\\r20%\\r100%\\n")
            print("lone surrogate: \\udcff", "no newline at the end", end="")
            return pa.table({"n": [1]})
    """)

    said, warned = (
        [line for level, line in bench.lines if level == wanted] for wanted in ("info", "warning")
    )
    assert outcome.row_count == 1
    assert said[0] == "\ufffd\ufffd bytes"
    assert said[1].startswith("long long")
    assert said[1].endswith("… (cut)")
    assert len(said[1]) < 5000
    assert said[2] == "lone surrogate: \\udcff no newline at the end"
    assert warned == ["red", "100%"]


@pytest.mark.parametrize("statement", ["return table", "raise ValueError('no')", "os._exit(0)"])
def test_whatever_it_started_has_ended_with_it(bench: Bench, statement: str) -> None:
    source = f"""
        import os, subprocess, sys, time

        import pyarrow as pa

        def produce(context):
            table = pa.table({{"n": [1]}})
            sleep = [sys.executable, "-c", "import time; time.sleep(3600)", __file__]
            subprocess.Popen(sleep)
            subprocess.Popen(sleep, start_new_session=True)
            if os.fork() == 0:  # a daemon: orphaned, in a session of its own, output kept open
                os.setsid()
                if os.fork() == 0:
                    os.execv(sys.executable, sleep)
                os._exit(0)
            time.sleep(0.2)
            {statement}
    """
    # What it started sleeps for longer than a test may take: a run must not wait for it.
    if statement.startswith("return"):
        bench.run(source)
    else:
        bench.fail(source)


def test_a_thread_that_never_ends_does_not_keep_a_finished_run(bench: Bench) -> None:
    outcome = bench.run("""
        import threading, time

        import pyarrow as pa

        def produce(context):
            threading.Thread(target=time.sleep, args=[3600]).start()
            return pa.table({"n": [1]})
    """)

    assert outcome.row_count == 1


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_platforms_own_end_ends_the_run(bench: Bench, ending: signal.Signals) -> None:
    bench.write("""
        import subprocess, sys, time

        def produce(context):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", __file__])
            print("started")
            time.sleep(600)
    """)
    platform = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PLATFORM), str(bench.folder), str(bench.main_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    assert platform.stdout is not None
    assert platform.stdout.readline() == b"started\n"

    platform.send_signal(ending)
    platform.wait(300)
    platform.stdout.close()

    deadline = time.monotonic() + 300
    while processes_that_name(bench.folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    # The folder of a killed platform stays until the next run, which clears it away.
    bench.run("def produce(context): import pyarrow; return pyarrow.table({'n': [1]})")
    assert list(bench.work_root.glob("run-*")) == []


PLATFORM = """
    import sys
    from pathlib import Path
    from dataplatform.adapters.runner import SubprocessRunner
    from dataplatform.adapters.sources.web import WebSources
    from dataplatform.datasets.producing import ProduceRequest
    from opendata.wire.ids import parse_dataset_id

    folder, main_path = Path(sys.argv[1]), sys.argv[2]
    SubprocessRunner(
        work_root=folder / "work", environments_root=folder / "environments", fetcher=WebSources(),
        grace_seconds=0.5,
    ).run(
        ProduceRequest(parse_dataset_id("test/it"), main_path, 300),
        print, lambda level, line: print(line, flush=True),
    )
"""
