"""Loading the project's own definitions, by every tool that does it, and what it must not cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataplatform_tests.house.tree import ROOT

pytestmark = pytest.mark.platform

# Seconds each, and one of them once ended the process that imported it.
NEVER_WHILE_LOADING = ("great_expectations", "pyspark", "boto3", "dagster_aws", "dagster_pyspark")
SHOW = """
import sys
import dataplatform.definitions
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def run_at_root(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.requirement("M-8", "S1-90")
def test_the_projects_own_producers_load_at_the_root() -> None:
    said = run_at_root(sys.executable, "-m", "dagster", "definitions", "validate")
    assert "All code locations passed validation" in said


@pytest.mark.requirement("M-8")
def test_dg_knows_the_definitions_too() -> None:
    dg = Path(sys.executable).with_name("dg")
    assert "All definitions loaded successfully" in run_at_root(str(dg), "check", "defs")


def test_loading_imports_no_engine_that_only_runs_need() -> None:
    loaded = set(run_at_root(sys.executable, "-W", "ignore", "-c", SHOW).split())
    assert loaded.isdisjoint(NEVER_WHILE_LOADING)
