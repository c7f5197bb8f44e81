"""Which column of one contract is which column of another: by its name, else by an alias.

Here belongs the pairing that a diff of rows follows. What a rename means for readers belongs in
`evolve`.
"""

from __future__ import annotations

from dataplatform.contracts.model import Contract, FieldSpec


def counterparts(old: Contract, new: Contract) -> dict[str, str]:
    """The columns that both have, in the new one's order: its name to the old one's.

    A name that both use is one column. Of the others, a field takes over a field of the old
    contract that it has as an alias, or that has its name as an alias (then the older state is
    the one that knows of the rename). No column is paired twice.
    """
    taken = {field.name for field in new.fields if old.field(field.name) is not None}
    paired: dict[str, str] = {}
    for field in new.fields:
        former = field.name if field.name in taken else _former(field, old, taken)
        if former is not None:
            taken.add(former)
            paired[field.name] = former
    return paired


def _former(field: FieldSpec, old: Contract, taken: set[str]) -> str | None:
    by_new_alias = (alias for alias in field.aliases if old.field(alias) is not None)
    by_old_alias = (other.name for other in old.fields if field.name in other.aliases)
    return next((name for name in (*by_new_alias, *by_old_alias) if name not in taken), None)


def tolerances(contract: Contract) -> dict[str, float]:
    """How far figures may lie apart and still count as the same, by column; keys have none."""
    return {
        field.name: field.tolerance
        for field in contract.fields
        if field.tolerance and field.name not in contract.primary_key
    }
