"""What can be said of a `main.py` without running it: does it compile, is `produce` there.

Pure: text in, findings out. Whether it delivers is only seen by running it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from dataplatform.adapters.runner.script_block import BadBlock, parse_script_block
from dataplatform.errors import SourceFinding

_SIGNATURE_HINT = "def produce(context):"


def check_main(source: bytes, path: str) -> list[SourceFinding]:
    """Everything that would stop a run before its first row."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, path)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        return [SourceFinding(path, line, max(column, 1), f"this is no Python: {error.msg}")]
    except ValueError as error:
        return [SourceFinding(path, 1, 1, f"this is no Python: {error}")]
    return [*_block_findings(source, path), *_produce_findings(tree, path)]


def _block_findings(source: bytes, path: str) -> Iterator[SourceFinding]:
    try:
        parse_script_block(source.decode("utf-8", "replace"))
    except BadBlock as error:
        yield SourceFinding(path, error.line, 1, str(error))


def _produce_findings(tree: ast.Module, path: str) -> Iterator[SourceFinding]:
    found = [node for node in _top_level(tree.body) if "produce" in _names_bound(node)]
    if not found:
        if not any(_imports_everything(node) for node in _top_level(tree.body)):
            message = "no function `produce` is defined"
            yield SourceFinding(path, 1, 1, message, f"add {_SIGNATURE_HINT}")
        return
    last = found[-1]
    if isinstance(last, ast.AsyncFunctionDef):
        message = "`produce` is async; it has to be a plain function or generator"
        yield SourceFinding(path, last.lineno, last.col_offset + 1, message, _SIGNATURE_HINT)
    elif isinstance(last, ast.FunctionDef) and (problem := _call_problem(last.args)):
        message = f"`produce` is called with the context alone, but it {problem}"
        yield SourceFinding(path, last.lineno, last.col_offset + 1, message, _SIGNATURE_HINT)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run on import, those in branches included."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _top_level(getattr(node, name, []))


def _names_bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    return {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }


def _imports_everything(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _call_problem(arguments: ast.arguments) -> str | None:
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    if not positional and arguments.vararg is None:
        return "takes no argument"
    if required > 1:
        return f"asks for {required} arguments"
    if any(default is None for default in arguments.kw_defaults):
        return "has a keyword argument without a default"
    return None
