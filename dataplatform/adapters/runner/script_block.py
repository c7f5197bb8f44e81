"""The dependencies that main.py declares for itself: the `# /// script` block of PEP 723.

Here belongs recognising and checking the block. Building what it asks for stands in
`environments`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

_BLOCK = re.compile(
    r"^# /// (?P<kind>[a-zA-Z0-9-]+)[ \t]*$\n(?P<content>(?:^#(?:| .*)$\n)+?)^# ///[ \t]*$", re.M
)


class BadBlock(ValueError):
    """A block that says nothing usable; `line` is where it begins."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class ScriptBlock:
    """What a script needs to run; `digest` is that of the block's text."""

    dependencies: tuple[str, ...]
    requires_python: str
    line: int
    digest: str

    def accepts(self, python_version: str) -> bool:
        """Whether an interpreter of this version will do."""
        return SpecifierSet(self.requires_python).contains(python_version, prereleases=True)


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
    content = blocks[0]["content"]
    try:
        values = tomllib.loads(_uncommented(content))
    except tomllib.TOMLDecodeError as error:
        raise BadBlock(f"the `# /// script` block is no TOML: {error}", line) from error
    return _block(values, line, hashlib.sha256(content.encode()).hexdigest())


def _block(values: dict[str, Any], line: int, digest: str) -> ScriptBlock:
    dependencies = values.get("dependencies", [])
    requires_python = values.get("requires-python", "")
    if not isinstance(dependencies, list) or not all(isinstance(d, str) for d in dependencies):
        raise BadBlock("`dependencies` in the script block is no list of texts", line)
    try:
        SpecifierSet(requires_python)
    except (InvalidSpecifier, TypeError, AttributeError) as error:
        raise BadBlock(f"`requires-python` in the script block: {error}", line) from error
    return ScriptBlock(tuple(dependencies), requires_python, line, digest)


def _uncommented(content: str) -> str:
    lines = content.splitlines(keepends=True)
    return "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
