"""The control room keeps its history in one place, whoever starts it, and asks nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dataplatform_tests.house.tree import ROOT

pytestmark = pytest.mark.platform

ONE_ASSET = """
import dagster as dg

@dg.asset(pool="provider")
def one(): ...
"""
COUNT_RUNS = """
import dagster as dg

with dg.DagsterInstance.get() as instance:
    print(len(instance.get_runs()), instance.telemetry_enabled)
"""


def run_at(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that stands in for the project's root, so that tests leave no runs there."""
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    return tmp_path


@pytest.mark.requirement("M-7", "M-8")
def test_a_plain_dagster_command_and_the_control_room_share_a_lasting_instance(root: Path) -> None:
    (root / "one_asset.py").write_text(ONE_ASSET)
    materialize = ("-m", "dagster", "asset", "materialize", "-f", "one_asset.py", "--select", "one")
    run_at(root, sys.executable, *materialize)
    counted = run_at(root, sys.executable, "-c", COUNT_RUNS, DAGSTER_HOME=str(root))
    assert counted.split() == ["1", "False"]
    assert (root / ".opendata" / "dagster").is_dir()
    assert not list(root.glob(".tmp_dagster_home_*"))


@pytest.mark.requirement("M-8")
def test_the_workspace_loads(root: Path) -> None:
    shutil.copy(ROOT / "workspace.yaml", root)
    shutil.copytree(ROOT / "producers", root / "producers")
    workspace = yaml.safe_load((root / "workspace.yaml").read_text())
    assert workspace["load_from"][0]["python_module"]["module_name"] == "dataplatform.definitions"
    run_at(root, sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")
