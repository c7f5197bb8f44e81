"""The SDK and its command line start without the platform's weight."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "dagster", "dataplatform", "duckdb", "great_expectations", "pandas", "polars", "pyspark",
    "sqlalchemy",
)  # fmt: skip
SHOW = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"


def modules_loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOW}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.requirement("S1-9", "B43")
def test_importing_the_sdk_loads_nothing_heavy() -> None:
    assert modules_loaded_by("import opendata").isdisjoint(HEAVY)


@pytest.mark.requirement("S1-9")
def test_asking_the_command_line_for_help_loads_nothing_heavy() -> None:
    ask = """
import sys
from opendata.cli import main
sys.argv = ["od", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert modules_loaded_by(ask).isdisjoint(HEAVY)
