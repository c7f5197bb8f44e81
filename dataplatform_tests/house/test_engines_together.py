"""Great Expectations and Spark live in one environment, which is not a matter of course."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.mark.real
@pytest.mark.requirement("M-2", "B44")
def test_great_expectations_and_spark_do_not_end_the_process() -> None:
    """Without Spark Connect's packages the import ends the process with code 0 and no word.

    It does so only where `__main__` has no file, as in a run that Dagster launches; hence -c.
    """
    assert importlib.util.find_spec("pyspark"), "the development environment carries Spark"
    done = subprocess.run(
        [sys.executable, "-c", "import great_expectations, pyspark; print('still here')"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1:] == ["still here"], done.stdout + done.stderr
