"""Size is a symptom: a module or function that outgrows its limit hides a second thought."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from dataplatform_tests.house.tree import ROOT, parsed, product_modules

MODULE_LINES = 300
FUNCTION_LINES = 45

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def lines_without_docstring(function: Function) -> int:
    docstring = function.body[0] if ast.get_docstring(function, clean=False) else None
    text_lines = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - text_lines


def test_modules_stay_readable_in_one_sitting() -> None:
    sizes = {path: len((ROOT / path).read_text().splitlines()) for path in product_modules()}
    assert {str(p): size for p, size in sizes.items() if size > MODULE_LINES} == {}


def test_functions_fit_on_a_screen() -> None:
    long = {
        f"{path}:{function.lineno} {function.name}": size
        for path in product_modules()
        for function in functions(path)
        if (size := lines_without_docstring(function)) > FUNCTION_LINES
    }
    assert long == {}
