"""What a package imports, it declares: nothing works only because something else brought it."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from dataplatform_tests.house.tree import PRODUCT, ROOT, imported_names, project_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The SDK offers these where they are installed, and says what to install where they are not.
OFFERED_BY_THE_SDK = {"polars", "pint", "pyproj"}


def distribution(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def declared(requirements: list[str]) -> set[str]:
    return {distribution(requirement) for requirement in requirements}


def is_beside(path: Path, name: str) -> bool:
    """Whether a name is a neighbour's: a folder that runs as a script imports its own modules."""
    folder = (ROOT / path).parent
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()


def imported_distributions(package: str) -> dict[str, set[str]]:
    """For each foreign package that is imported, the modules that do so."""
    providers = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in project_files(f"{package}/**.py"):
        for name in {imported.split(".")[0] for imported in imported_names(path)}:
            own = name in PRODUCT or is_beside(path, name)
            if not own and name not in sys.stdlib_module_names:
                provider = distribution(providers.get(name, [name])[0])
                found.setdefault(provider, set()).add(str(path))
    return found


def test_the_sdk_imports_only_what_the_base_install_brings() -> None:
    allowed = declared(PROJECT["dependencies"]) | OFFERED_BY_THE_SDK
    imported = imported_distributions("opendata")
    assert {name: paths for name, paths in imported.items() if name not in allowed} == {}


def test_the_platform_imports_only_what_it_or_an_extra_declares() -> None:
    extras = PROJECT["optional-dependencies"].values()
    allowed = declared(PROJECT["dependencies"]).union(*(declared(extra) for extra in extras))
    imported = imported_distributions("dataplatform")
    assert {name: paths for name, paths in imported.items() if name not in allowed} == {}
