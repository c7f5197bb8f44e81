"""What changed between two contracts, and how far it moves the schema's version.

Here belongs the meaning of a schema change for those who read (requirements S4-13 to S4-26, S4-29,
S4-83, S4-84, B39); one module per part of a contract. Differences between rows do not belong here,
nor the choice of the release's number.

=============================================================  ==============================
change                                                         moves the version by
=============================================================  ==============================
field added, nullable or with a default                        minor
field added, required without default                          major
field dropped, its name an alias of a field of same/wider type minor, with an adapter (rename)
field dropped otherwise                                        major
type changed to a wider one (see `promotion`)                  minor
type changed otherwise                                         major
unit declared where there was none                             patch
unit changed, same dimension                                   minor, with an adapter
unit of a coordinate changed along with the reference system   minor, with an adapter
unit changed or withdrawn otherwise                            major
reference system declared where there was none                 patch
reference system changed, both ways computable                 minor, with an adapter
reference system changed or withdrawn otherwise, other columns major
primary key declared where there was none                      minor
primary key in another order (clustering)                      minor, with an adapter
primary key changed otherwise                                  major
field made optional (nullable false to true)                   minor
field made required (nullable true to false), default changed  minor
alias withdrawn (its name neither field nor alias any more)    major
arrival times along another path or measure                    major
arrival times under another reference, with a correction back  minor, with an adapter
arrival times under another reference otherwise                major
corr_env: other conditions under the same function             minor, with an adapter
corr_env: another function, or withdrawn                       major
alias added, description, tolerance, order, rules changed      patch
=============================================================  ==============================

Making a field optional follows Iceberg, where it is a safe change: every reader of Arrow data has
to expect a validity mask. It is still reported, since a promise became weaker. Rules move only the
patch number: they say which values occur, not what a reader must be able to read.
Both contracts have to name their fields (`infer.complete_contract` fills them in); against a
contract without fields everything counts as dropped, which is breaking: unknown fails closed.
"""

from __future__ import annotations

from dataplatform.contracts.evolve.changes import Change, SchemaDiff
from dataplatform.contracts.evolve.coordinates import CanReproject, reference_change
from dataplatform.contracts.evolve.fields import (
    added_fields,
    constraint_changes,
    dropped_fields,
    field_pairs,
    order_change,
    successor,
    type_changes,
)
from dataplatform.contracts.evolve.key import key_change
from dataplatform.contracts.evolve.rules import rule_changes
from dataplatform.contracts.evolve.units import SameDimension, unit_changes
from dataplatform.contracts.model import Contract

__all__ = [
    "CanReproject",
    "Change",
    "SameDimension",
    "SchemaDiff",
    "diff_schema",
    "successor",
]


def diff_schema(
    old: Contract,
    new: Contract,
    *,
    same_dimension: SameDimension | None = None,
    can_reproject: CanReproject | None = None,
) -> SchemaDiff:
    """Compare two contracts.

    Args:
        old: The contract of the release that readers know.
        new: The contract of the candidate.
        same_dimension: Whether two units measure the same quantity; without it every change of
            a unit is breaking.
        can_reproject: Whether coordinates can be computed from the one reference system into the
            other and back; without it every change of the reference system is breaking.
    """
    pairs = list(field_pairs(old, new))
    reference = list(reference_change(old, new, can_reproject))
    reprojected = new.crs is not None and any(change.adapter for change in reference)
    return SchemaDiff(
        fields_add=tuple(added_fields(old, new)),
        fields_drop=tuple(dropped_fields(old, new)),
        type_change=tuple(type_changes(pairs)),
        unit_change=tuple(
            unit_changes(
                pairs,
                same_dimension,
                reprojected=new.crs.columns if new.crs and reprojected else (),
            )
        ),
        constraint_change=(
            *key_change(old, new),
            *constraint_changes(pairs, new),
            *order_change(pairs, new),
            *reference,
            *rule_changes(old, new),
        ),
    )
