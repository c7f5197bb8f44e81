"""The coordinate reference system: declared, exchanged or withdrawn (S4-26).

Here belongs what a change means for readers. Whether one system can be computed from another is
asked of whoever knows; nothing here does geodesy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dataplatform.contracts.coordinates import CoordinateReference
from dataplatform.contracts.evolve.changes import Change, bump_of, spec_of
from dataplatform.contracts.evolve.fields import successor
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

CanReproject = Callable[[str, str], bool]


def reference_change(
    old: Contract, new: Contract, can_reproject: CanReproject | None
) -> Iterator[Change]:
    """How the reference system differs; renamed coordinates are still the coordinates."""
    before, after = old.crs, new.crs
    if before is None:
        if after is not None:
            yield Change("crs", None, spec_of(after), Bump.PATCH, constraint="crs")
        return
    columns = (_name_now(before.x, new), _name_now(before.y, new))
    if after is not None and (before.code, columns) == (after.code, after.columns):
        return
    reason = _why_it_breaks(before, after, columns, can_reproject)
    yield Change(
        "crs",
        spec_of(before),
        spec_of(after) if after else None,
        bump_of(reason, Bump.MINOR),
        reason,
        adapter=None if reason else "transforms",
        constraint="crs",
    )


def _name_now(column: str, contract: Contract) -> str:
    answering = successor(column, contract)
    return answering.name if answering else column


def _why_it_breaks(
    before: CoordinateReference,
    after: CoordinateReference | None,
    columns: tuple[str, str],
    can_reproject: CanReproject | None,
) -> str | None:
    if after is None:
        return f"the reference system {before.code} of the coordinates was withdrawn"
    if after.columns != columns:
        now = ", ".join(after.columns)
        return f"the coordinates were in {', '.join(columns)} and are in {now} now"
    if can_reproject is None or not can_reproject(before.code, after.code):
        return (
            f"the reference system changed from {before.code} to {after.code}, "
            "and nothing reprojects between them"
        )
    return None
