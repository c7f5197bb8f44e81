"""How a run ended is judged from facts alone."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from dataplatform.adapters.runner.endings import Ending, error_of, producer_frames
from dataplatform.datasets.producing import ProduceRequest
from dataplatform.errors import FailureClass, failure_class_of
from opendata.wire.ids import parse_dataset_id

pytestmark = [pytest.mark.requirement("S1-86", "B47")]

MAIN = "producers/test/it/main.py"
REQUEST = ProduceRequest(parse_dataset_id("test/it"), MAIN, 1800)
DONE = {"done": {"rows": 3, "tools": {}}}


def failure(**facts: Any) -> dict[str, dict[str, Any]]:
    report = {"class": "parse", "error": "ValueError", "message": "bad", "file": None, "line": None}
    return {"failure": {**report, **facts}}


def test_a_run_that_delivered_has_no_error() -> None:
    assert error_of(Ending(0, reports=DONE, row_count=3), REQUEST) is None


@pytest.mark.parametrize(
    ("ending", "failure_class", "message"),
    [
        (
            Ending(0, reports=failure()),
            FailureClass.PARSE,
            f"parse failure in {MAIN}: ValueError: bad",
        ),
        (
            Ending(256, reports=failure(**{"class": "network", "speaks_for_itself": True})),
            FailureClass.NETWORK,
            f"network failure in {MAIN}: bad",
        ),
        (
            Ending(256, reports=failure(secret="KEY", **{"class": "permission"})),
            FailureClass.PERMISSION,
            f"permission failure in {MAIN}: the environment variable KEY is not set",
        ),
        (
            Ending(9, timed_out=True, reports=DONE),
            FailureClass.NETWORK,
            f"network failure in {MAIN}: did not finish within 30 min and was stopped",
        ),
        (
            Ending(9, timed_out=True, reports=failure()),
            FailureClass.NETWORK,
            f"network failure in {MAIN}: did not finish within 30 min and was stopped",
        ),
        (
            Ending(0, reports=DONE, row_count=2),
            FailureClass.PARSE,
            f"parse failure in {MAIN}: 3 rows were sent and 2 arrived",
        ),
        (
            Ending(0, reports=DONE, row_count=3, stream_problem="bad magic"),
            FailureClass.PARSE,
            f"parse failure in {MAIN}: something other than its tables was written to the "
            "descriptor they take (bad magic)",
        ),
        (
            Ending(signal.SIGKILL, row_count=3),
            FailureClass.PARSE,
            f"producer failure in {MAIN}: its process was ended by SIGKILL: most often the machine "
            "ran out of memory",
        ),
        (
            Ending(None),
            FailureClass.PARSE,
            f"producer failure in {MAIN}: its process was ended by SIGKILL: most often the machine "
            "ran out of memory",
        ),
        (
            Ending(1 << 8, last_lines=["something", "bad option"]),
            FailureClass.PARSE,
            f"producer failure in {MAIN}: its process exited with code 1 before produce had "
            "returned (bad option)",
        ),
        (
            Ending(
                signal.SIGSEGV,
                last_lines=["Fatal Python error", '  File "/x/main.py", line 7 in produce'],
            ),
            FailureClass.PARSE,
            "producer failure in ",
        ),
    ],
)
def test_every_other_ending_has_one_sentence(
    ending: Ending, failure_class: FailureClass, message: str
) -> None:
    error = error_of(ending, REQUEST)

    assert error is not None
    assert failure_class_of(error) is failure_class
    assert str(error) == message if not message.endswith("in ") else "main.py:7: " in str(error)
    assert (
        "od run test/it --dry-run" in str(error.hint) or "secrets" in str(error.hint) or error.hint
    )


def test_a_message_of_many_lines_becomes_one_that_is_not_endless() -> None:
    error = error_of(Ending(256, reports=failure(message="a\n" * 5000)), REQUEST)

    assert error is not None
    assert "\n" not in str(error)
    assert len(str(error)) < 700


def test_a_class_that_nobody_knows_is_a_parse_failure() -> None:
    error = error_of(Ending(256, reports=failure(**{"class": "weird"})), REQUEST)

    assert error is not None
    assert failure_class_of(error) is FailureClass.PARSE


@pytest.mark.parametrize("error", ["ModuleNotFoundError", "EOFError", "NameError"])
def test_what_main_py_did_by_itself_is_no_matter_of_parsing(error: str) -> None:
    ended = error_of(Ending(0, reports=failure(error=error)), REQUEST)
    assert str(ended) == f"producer failure in {MAIN}: {error}: bad"
    assert failure_class_of(ended) is FailureClass.PARSE  # the class of the data stays


def test_a_missing_package_is_to_be_named_in_the_script_block() -> None:
    error = error_of(Ending(0, reports=failure(error="ModuleNotFoundError")), REQUEST)
    assert error is not None
    assert 'dependencies = ["…"]' in str(error.hint)


def test_the_frames_of_a_traceback_are_the_producers_own() -> None:
    trace = """Traceback (most recent call last):
  File "/usr/lib/worker.py", line 3, in run
    produce(context)
  File "/x/it/main.py", line 7, in produce
    return rows(text)
           ^^^^^^^^^^
  File "/x/it/parts.py", line 2, in rows
  File "/usr/lib/json.py", line 9, in loads
    raise ValueError
"""
    frames = producer_frames(trace, "/x/it/main.py")
    assert frames == ["/x/it/main.py:7: return rows(text)", "/x/it/parts.py:2: "]


def test_a_hint_sends_nobody_to_a_log_that_is_not_there() -> None:
    silent = error_of(Ending(3 << 8), REQUEST)
    spoken = error_of(Ending(3 << 8, last_lines=["begun"]), REQUEST)
    assert "context.log" in str(getattr(silent, "hint", ""))
    assert "see its log above" in str(getattr(spoken, "hint", ""))
