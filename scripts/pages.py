"""Generated pages: written, or compared with what would be written.

Here belongs what the scripts that make a page of the documentation share.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def asked_to_check(about: str, arguments: list[str] | None) -> bool:
    """Whether `--check` was given."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when the page is out of date")
    return bool(parser.parse_args(arguments).check)


def write_or_check(path: Path, wanted: str, *, check: bool) -> int:
    """Write a page, or with `check` say whether it is up to date; the exit code."""
    if not check:
        path.write_text(wanted, encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{path.relative_to(ROOT)} is out of date; run: make pages", file=sys.stderr)
    return 1
