"""Units that are declared, exchanged or withdrawn (S4-20).

Here belongs what a change of unit means; computing values in another unit belongs to reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from dataplatform.contracts.evolve.changes import Change
from dataplatform.contracts.evolve.fields import Pairs
from opendata.wire.version import Bump

SameDimension = Callable[[str, str], bool]


def unit_changes(
    pairs: Pairs, same_dimension: SameDimension | None, *, reprojected: Collection[str] = ()
) -> Iterator[Change]:
    """Fields of another unit.

    Args:
        reprojected: Coordinates whose reference system changed in a way that can be computed: their
            values follow it, from degrees to metres too.
    """
    for before, after in pairs:
        if before.unit == after.unit:
            continue
        if after.name in reprojected:
            yield Change(after.name, before.unit, after.unit, Bump.MINOR, adapter="transforms")
        elif before.unit is None:
            yield Change(after.name, None, after.unit, Bump.PATCH)
        elif after.unit is not None and same_dimension and same_dimension(before.unit, after.unit):
            yield Change(after.name, before.unit, after.unit, Bump.MINOR, adapter="unit_converters")
        else:
            reason = (
                f"the unit of {after.name!r} changed from {before.unit} to {after.unit or 'none'}, "
                "and nothing converts between them"
            )
            yield Change(after.name, before.unit, after.unit, Bump.MAJOR, reason)
