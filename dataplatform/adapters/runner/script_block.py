"""The dependencies that main.py declares for itself: the `# /// script` block of PEP 723.

Here belongs reading the block. Building what it asks for stands in `environments`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from typing import Any

_BLOCK = re.compile(
    r"^# /// (?P<kind>[a-zA-Z0-9-]+)[ \t]*$\n(?P<content>(?:^#(?:| .*)$\n)+?)^# ///[ \t]*$", re.M
)
_NAME = re.compile(r"^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


class BadBlock(ValueError):
    """A block that says nothing usable; `line` is where it begins."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class ScriptBlock:
    """What a script needs to run."""

    dependencies: tuple[str, ...]
    requires_python: str | None
    line: int
    digest: str

    def names(self, package: str) -> bool:
        """Whether one of the dependencies is `package`."""
        return any(_normal_name(text) == package for text in self.dependencies)


def parse_script_block(source: str) -> ScriptBlock | None:
    """The block in a script, or None where there is none.

    Raises:
        BadBlock: for two blocks, broken TOML, or values of the wrong kind.
    """
    blocks = [match for match in _BLOCK.finditer(source) if match["kind"] == "script"]
    if not blocks:
        return None
    line = source.count("\n", 0, blocks[-1].start()) + 1
    if len(blocks) > 1:
        raise BadBlock("a second `# /// script` block; a script has one", line)
    try:
        values = tomllib.loads(_uncommented(blocks[0]["content"]))
    except tomllib.TOMLDecodeError as error:
        raise BadBlock(f"the `# /// script` block is no TOML: {error}", line) from error
    return _block(values, line)


def _block(values: dict[str, Any], line: int) -> ScriptBlock:
    dependencies = values.get("dependencies", [])
    requires_python = values.get("requires-python")
    if not isinstance(dependencies, list) or not all(isinstance(d, str) for d in dependencies):
        raise BadBlock("`dependencies` in the script block is no list of texts", line)
    if requires_python is not None and not isinstance(requires_python, str):
        raise BadBlock("`requires-python` in the script block is no text", line)
    canonical = json.dumps(values, sort_keys=True, default=str)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return ScriptBlock(tuple(dependencies), requires_python, line, digest)


def _uncommented(content: str) -> str:
    return "".join(
        line[2:] if line.startswith("# ") else line[1:]
        for line in content.splitlines(keepends=True)
    )


def _normal_name(requirement: str) -> str:
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group(1)).lower() if match else ""
