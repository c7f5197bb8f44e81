"""`od cache`: how much the download cache holds, and emptying it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput


@click.group()
def cache() -> None:
    """Look at the download cache. Emptying it loses nothing: what is needed is fetched again."""


@cache.command()
@with_output
def info(out: Output) -> None:
    """Show where the cache is and what it holds."""
    from opendata.reading.stats import human_bytes

    folder = _folder()
    files = list(_files(folder)) if folder else []
    size = sum(size for _, size in files)
    facts = {
        "folder": str(folder) if folder else None,
        "objects": sum(path.parent.parent.name == "blobs" for path, _ in files),
        "size_bytes": size,
    }
    out.result(
        facts,
        lambda: out.facts(
            [
                ("folder", facts["folder"] or "off (OPENDATA_CACHE=off)"),
                ("objects", f"{facts['objects']:,}"),
                ("size", human_bytes(size)),
            ]
        ),
        [facts["folder"] or "off"],
    )


@cache.command()
@with_output
def clear(out: Output) -> None:
    """Empty the cache; downloads that run now go on."""
    from opendata.reading.stats import human_bytes

    folder = _folder()
    if folder is None:
        raise InvalidInput("the cache is off (OPENDATA_CACHE=off), there is nothing to empty")
    freed = sum(size for _, size in _files(folder))
    for part in ("blobs", "verified", "seen"):
        shutil.rmtree(folder / part, ignore_errors=True)
    out.result(
        {"folder": str(folder), "freed_bytes": freed},
        lambda: out.good(f"freed {human_bytes(freed)} in {folder}"),
    )


def _folder() -> Path | None:
    from opendata._settings import Settings

    folder = Settings.from_environment().cache().folder
    return Path(folder) if folder else None


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.stat().st_size
            except FileNotFoundError:
                continue  # another process has just finished or dropped it
