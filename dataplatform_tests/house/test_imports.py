"""Who may import whom. import-linter keeps the layers; here is what it cannot say."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from dataplatform_tests.house.tree import ROOT, called_names, imported_names, project_files

FACES = ("opendata.wire", "opendata.stores", "opendata.reading")
ABOVE_THE_FEATURES = {
    "definitions", "cli", "api", "portal", "defs", "wiring", "bundle_wiring", "settings",
    "adapters",
}  # fmt: skip
MAY_IMPORT_DAGSTER = {"definitions", "defs"}
# import-linter sees foreign packages as one; these parts of allowed ones reach outside.
REACHES_OUT = ("urllib.request", "pyarrow.fs", "pyarrow.flight", "pyarrow.dataset", "importlib")


def contract(identifier: str) -> dict[str, list[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return next(entry for entry in contracts if entry["id"] == identifier)


def parts_of_the_platform() -> set[str]:
    files = project_files("dataplatform/**.py")
    parts = {path.parts[1].removesuffix(".py") for path in files}
    return parts - {"__init__"}


@pytest.mark.requirement("S2-53", "S2-54", "S2-55", "S2-56", "B28")
def test_the_import_contracts_are_kept() -> None:
    command = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("S2-53")
def test_every_feature_is_held_to_be_pure() -> None:
    features = {f"dataplatform.{part}" for part in parts_of_the_platform() - ABOVE_THE_FEATURES}
    assert set(contract("pure-features")["source_modules"]) == features


@pytest.mark.requirement("S2-53")
def test_features_open_nothing() -> None:
    features = parts_of_the_platform() - ABOVE_THE_FEATURES
    opening = [
        f"{path} reaches out through {name}"
        for path in project_files("dataplatform/**.py")
        if path.parts[1].removesuffix(".py") in features
        for name in imported_names(path) | called_names(path)
        if name == "open" or name.startswith(REACHES_OUT)
    ]
    assert opening == []


def test_every_part_but_the_definitions_is_kept_from_dagster() -> None:
    parts = {f"dataplatform.{part}" for part in parts_of_the_platform() - MAY_IMPORT_DAGSTER}
    assert set(contract("dagster-in-defs")["source_modules"]) == parts | {"opendata"}


@pytest.mark.requirement("B43")
def test_the_platform_sees_only_the_wire_the_stores_and_reading() -> None:
    strangers = [
        f"{path} imports {name}"
        for path in project_files("dataplatform/**.py")
        if path.parts[1] != "cli"
        for name in imported_names(path)
        if name.split(".")[0] == "opendata" and not name.startswith(FACES)
    ]
    assert strangers == []
