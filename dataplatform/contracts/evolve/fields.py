"""Fields that come, go, take over another's name, or change their type or their promises.

Here belongs what concerns fields by themselves; units, key and reference system have modules of
their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dataplatform.contracts.corrections import weigh_correction
from dataplatform.contracts.evolve.changes import Change, bump_of, spec_of
from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.promotion import can_widen
from opendata.wire.version import Bump

Pairs = Sequence[tuple[FieldSpec, FieldSpec]]
_PROMISES: Final = {
    "nullable": Bump.MINOR,
    "default": Bump.MINOR,
    "tolerance": Bump.PATCH,
    "description": Bump.PATCH,
}


def successor(name: str, contract: Contract) -> FieldSpec | None:
    """The field that answers to `name` in a contract: by its name, else by an alias."""
    by_name = contract.field(name)
    return by_name or next((f for f in contract.fields if name in f.aliases), None)


def field_pairs(old: Contract, new: Contract) -> Iterator[tuple[FieldSpec, FieldSpec]]:
    """Each old field with the one that answers to its name now."""
    for before in old.fields:
        after = successor(before.name, new)
        if after is not None:
            yield before, after


def added_fields(old: Contract, new: Contract) -> Iterator[Change]:
    """Fields whose name is new (S4-17)."""
    for field in new.fields:
        if old.field(field.name) is not None:
            continue
        taken_over = any(old.field(alias) is not None for alias in field.aliases)
        required = not field.nullable and field.default is None
        reason = None
        if required and not taken_over:
            reason = f"{field.name!r} is new and required, and has no default for older data"
        yield Change(field.name, None, spec_of(field), bump_of(reason, Bump.MINOR), reason)


def dropped_fields(old: Contract, new: Contract) -> Iterator[Change]:
    """Fields whose name is gone: taken over by another field, or dropped (S4-24, B39)."""
    for field in old.fields:
        if new.field(field.name) is not None:
            continue
        after = successor(field.name, new)
        if after is None:
            reason = f"{field.name!r} was dropped and no field has it as an alias"
            yield Change(field.name, spec_of(field), None, Bump.MAJOR, reason)
        else:
            yield Change(field.name, spec_of(field), after.name, Bump.MINOR, adapter="fields_alias")


def type_changes(pairs: Pairs) -> Iterator[Change]:
    """Fields of another type; it may only become wider (S4-23)."""
    for before, after in pairs:
        if before.type != after.type:
            reason = None
            if not can_widen(before.arrow_type, after.arrow_type):
                reason = (
                    f"{after.name!r} changed from {before.type} to {after.type}, "
                    "which does not hold every former value"
                )
            yield Change(after.name, before.type, after.type, bump_of(reason, Bump.MINOR), reason)


def constraint_changes(pairs: Pairs, new: Contract) -> Iterator[Change]:
    """What else is promised of a field: optional or not, default, tolerance, aliases."""
    for before, after in pairs:
        for name, bump in _PROMISES.items():
            was, is_now = getattr(before, name), getattr(after, name)
            if was != is_now:
                yield Change(after.name, was, is_now, bump, constraint=name)
        yield from _alias_change(before, after, new)
        yield from _correction_change(before, after)


def _correction_change(before: FieldSpec, after: FieldSpec) -> Iterator[Change]:
    """Other reference conditions, or another way to them (S4-83)."""
    was, is_now = before.corr_env, after.corr_env
    if was != is_now:
        bump, reason = weigh_correction(after.name, was, is_now)
        adapter = "transforms" if bump is Bump.MINOR else None
        old, new = was and spec_of(was), is_now and spec_of(is_now)
        yield Change(after.name, old, new, bump, reason, adapter, "corr_env")


def order_change(pairs: Pairs, new: Contract) -> Iterator[Change]:
    """Whether the columns stand in another order."""
    kept = list(dict.fromkeys(after.name for _, after in pairs))
    in_order = [name for name in new.field_names if name in set(kept)]
    if kept != in_order:
        yield Change("fields", kept, in_order, Bump.PATCH, constraint="order")


def _alias_change(before: FieldSpec, after: FieldSpec, new: Contract) -> Iterator[Change]:
    # A former name among the new aliases is the rename itself, told as a dropped field.
    given = set(after.aliases) - {before.name}
    if given == set(before.aliases) - {after.name}:
        return
    lost = [alias for alias in before.aliases if successor(alias, new) is not after]
    reason = f"{after.name!r} no longer answers to {lost[0]!r}" if lost else None
    yield Change(
        after.name,
        list(before.aliases),
        list(after.aliases),
        bump_of(reason, Bump.PATCH),
        reason,
        constraint="aliases",
    )
