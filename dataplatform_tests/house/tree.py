"""The project's files as git would carry them, and the Python in them.

Here: what the laws of the house walk over. The laws themselves are the tests beside this file.
"""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("opendata", "dataplatform")


def project_files(*patterns: str) -> list[Path]:
    """The files that git tracks, and those that it would take up, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    names = sorted({name for name in listing.split("\0") if name})
    return [Path(name) for name in names if (ROOT / name).is_file()]


def product_modules() -> list[Path]:
    """Every Python file of the two packages that are shipped."""
    return project_files(*(f"{package}/**.py" for package in PRODUCT))


def text_of(path: Path) -> str | None:
    """A file's text, or None where it is no text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def parsed(path: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def imported_names(path: Path) -> set[str]:
    """The dotted names that a module imports, wherever in it; relative ones are not used here."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def called_names(path: Path) -> set[str]:
    """The bare names that a module calls, such as `open`."""
    return {
        node.func.id
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
