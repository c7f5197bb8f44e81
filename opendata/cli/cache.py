"""`od cache`: how much the download cache holds, and emptying it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput
from opendata.wire.words import human_bytes

DAY_SECONDS = 86_400


@click.group()
def cache() -> None:
    """Look at the download cache. Emptying it loses nothing: what is needed is fetched again."""


@cache.command()
@with_output
def info(out: Output) -> None:
    """Show where the cache is and what it holds."""

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
@click.option(
    "--unused-for",
    "days",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Only objects and unfinished downloads that nothing has read for so many days.",
)
@with_output
def clear(out: Output, days: int | None) -> None:
    """Empty the cache; downloads that run now go on."""

    folder = _folder()
    if folder is None:
        raise InvalidInput("the cache is off (OPENDATA_CACHE=off), there is nothing to empty")
    freed = _remove_all(folder) if days is None else _remove_unused(folder, days)
    out.result(
        {"folder": str(folder), "freed_bytes": freed},
        lambda: out.good(f"freed {human_bytes(freed)} in {folder}"),
    )


def _remove_all(folder: Path) -> int:
    """Remove everything but downloads under way; returns how many bytes there were."""
    freed = sum(size for _, size in _files(folder))
    for part in ("blobs", "verified", "seen"):
        shutil.rmtree(folder / part, ignore_errors=True)
    return freed


def _remove_unused(folder: Path, days: int) -> int:
    """Remove what was last read long ago; returns its bytes. Whoever reads it now goes on.

    Where a disk does not note when files are read, their age counts.
    """
    before = time.time() - days * DAY_SECONDS
    freed = 0
    for part in ("blobs", "partial"):
        for path, size in _files(folder / part):
            with contextlib.suppress(FileNotFoundError):  # another process has just dropped it
                stat = path.stat()
                if max(stat.st_atime, stat.st_mtime) < before:
                    path.unlink()
                    freed += size
    return freed


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
