"""The top level shows the architecture, and the notices that others' work asks for are there."""

from __future__ import annotations

import tomllib

import pytest

from dataplatform_tests.house.tree import ROOT

TOP_LEVEL = (
    "dataplatform",
    "dataplatform_tests",
    "opendata",
    "producers",
    "pyproject.toml",
    "workspace.yaml",
    "dagster.yaml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "Makefile",
)


@pytest.mark.requirement("M-3", "B43")
@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_top_level_is_the_one_that_the_design_names(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.requirement("M-1", "M-2")
def test_the_packages_of_the_design_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = [*project["dependencies"], *(name for extra in extras for name in extra)]
    for package in (
        "dagster",
        "dagster-webserver",
        "dagster-aws",
        "dagster-pyspark",
        "pandas",
        "pyarrow",
        "great-expectations",
    ):
        assert any(entry.startswith(package) for entry in declared), package


@pytest.mark.requirement("B49", "S4-96")
def test_the_specification_is_cited_with_all_that_its_licence_asks_for() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for asked in ("Tu Guanglin", "energyfilament.org", "CC BY 4.0"):
        assert asked in notice


@pytest.mark.requirement("B49")
def test_the_project_is_under_the_apache_licence() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
