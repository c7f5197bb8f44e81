"""`od diff`: how one state of a table differs from another, row by row and column by column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import complete_reference
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from dataplatform.releases.compare import Comparison

SAMPLES_MAX = 1_000


@click.command()
@click.argument("first", metavar="A", shell_complete=complete_reference)
@click.argument("second", required=False, metavar="[B]", shell_complete=complete_reference)
@click.argument("third", required=False, metavar="")
@click.option("--key", "keys", multiple=True, metavar="COLUMN",
              help="A column that identifies a row; repeat it for several.")  # fmt: skip
@click.option("--tolerance", "tolerances", multiple=True, metavar="COLUMN=NUMBER",
              help="Let numbers of a column lie that far apart.")  # fmt: skip
@click.option("--limit", type=click.IntRange(0, SAMPLES_MAX), metavar="N",
              help="Show up to N rows (5; with --json 20).")  # fmt: skip
@click.option("--low-memory", is_flag=True, help="Take longer, in 256 MiB of working memory.")
@with_output
def diff(
    out: Output,
    first: str,
    second: str | None,
    third: str | None,
    keys: tuple[str, ...],
    tolerances: tuple[str, ...],
    limit: int | None,
    low_memory: bool,
) -> None:
    """Compare two releases, files, or one with the other.

    A and B are NS/NAME[@VERSION], a file, or a folder of Parquet files. With one release alone,
    the one before it is the other side.

    \b
    od diff ns/name                    what the current release changed
    od diff ns/name@1.0.0 1.2.0        from 1.0.0 to 1.2.0
    od diff ns/name 1.0.0 1.2.0        the same
    od diff ns/name new.parquet        from the current release to a file
    od diff old.parquet new.parquet --key date --tolerance y10=0.005
    """
    from dataplatform.cli.changes import SAMPLES_SHOWN, show_difference
    from dataplatform.cli.comparing import Wanted, compare_states
    from dataplatform.cli.place import find_settings
    from dataplatform.releases.differ import SAMPLES_DEFAULT, DiffOptions

    if third is not None:
        first, second = f"{first.partition('@')[0]}@{second}", third
    before, after = _pair(first, second)
    names = (_shown(before), _shown(after))
    granted = dict(map(_tolerance, tolerances))
    with out.progress(f"comparing {names[0]} with {names[1]}", 100) as advance:
        options = DiffOptions(
            tolerances=granted,
            samples=max(SAMPLES_DEFAULT, limit or 0),
            low_memory=low_memory,
            progress=_Hundredths(advance),
        )
        change = compare_states(find_settings(), before, after, Wanted(keys or None, options))

    def show() -> None:
        out.line(f"{names[0]} → {names[1]}", bold=True)
        row_count = None if isinstance(after, str) else after.manifest.row_count
        show_difference(out, change, row_count, SAMPLES_SHOWN if limit is None else limit)
        step = "breaking" if change.breaking else f"a {change.data_bump} step"
        out.line("no difference" if change.is_empty else step)

    out.result(
        {"before": names[0], "after": names[1], **_limited(change, limit)},
        show,
        [] if change.is_empty else [names[1]],
    )


class _Hundredths:
    """Advances a bar of a hundred steps as a share grows."""

    def __init__(self, advance: Any) -> None:
        self._advance, self._done = advance, 0

    def __call__(self, share: float) -> None:
        for _ in range(self._done, math.floor(share * 100)):
            self._advance("")
            self._done += 1


def _limited(change: Comparison, limit: int | None) -> dict[str, Any]:
    found = change.to_json()
    if limit is not None and "samples" in found["diff_R"]:
        found["diff_R"] = {**found["diff_R"], "samples": found["diff_R"]["samples"][:limit]}
    return found


def _tolerance(word: str) -> tuple[str, float]:
    """`y10=0.005` as the column and the number."""
    column, equals, number = word.rpartition("=")
    try:
        granted = float(number)
    except ValueError:
        granted = math.nan
    if not equals or not column or not 0 <= granted < math.inf:
        raise InvalidInput(
            f"{word!r} is no tolerance",
            code="invalid_tolerance",
            hint="name a column and a number of at least 0: --tolerance y10=0.005",
        )
    return column, granted


def _shown(side: Any) -> str:
    return side if isinstance(side, str) else str(side.reference)


def _pair(first: str, second: str | None) -> tuple[Any, Any]:
    """The earlier and the later side that the words mean: releases, or paths as they are."""
    from dataplatform.cli.states import is_path
    from opendata._dataset import Dataset

    if second is not None:
        is_version = "/" not in second and not is_path(second) and not is_path(first)
        if is_version:
            second = f"{first.partition('@')[0]}@{second}"
        sides = (word if is_path(word) else Dataset(word).release for word in (first, second))
        before, after = sides
        return before, after
    if is_path(first):
        raise InvalidInput(
            f"{first} is compared with nothing",
            code="one_side",
            hint=f"od diff {first} OTHER.parquet --key COLUMN",
        )
    current = Dataset(first).release
    previous = current.manifest.versioning.prev_release
    if previous is None:
        raise InvalidInput(
            f"{current.reference} is the first release, there is nothing before it",
            code="no_previous",
            hint=f"od info {current.id}",
        )
    return Dataset(f"{current.id}@{previous}").release, current
