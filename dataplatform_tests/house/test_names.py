"""Folders are nouns of the business and files are verbs; a name that fits anything says nothing."""

from __future__ import annotations

import ast

from dataplatform_tests.house.tree import parsed, product_modules, project_files

SAYS_NOTHING = {
    "base", "common", "core", "helper", "helpers", "manager", "managers", "misc", "util", "utils",
}  # fmt: skip


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    files = project_files("opendata/**", "dataplatform/**", "dataplatform_tests/**", "scripts/**")
    named = [
        str(path)
        for path in files
        for part in path.parts
        if part.removesuffix(".py").removeprefix("test_").strip("_") in SAYS_NOTHING
    ]
    assert named == []


def test_every_module_opens_with_its_charter() -> None:
    silent = [
        str(path)
        for path in product_modules()
        if (tree := parsed(path)).body and not ast.get_docstring(tree)
    ]
    assert silent == []
