"""What changed between two contracts, and how far it moves the schema's version.

Here belongs the meaning of a schema change for those who read (requirements S4-13 to S4-26, S4-29,
B39). Differences between rows do not belong here, nor the choice of the release's number.

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
unit changed or withdrawn otherwise                            major
conditions of corr_env changed; its function, or withdrawn     minor with an adapter; major
primary key declared where there was none                      minor
primary key in another order                                   minor
primary key changed otherwise                                  major
field made optional (nullable false to true)                   minor
field made required (nullable true to false), default changed  minor
alias withdrawn (its name neither field nor alias any more)    major
alias added, description, tolerance, order, rules changed      patch
=============================================================  ==============================

Making a field optional follows Iceberg, where it is a safe change: every reader of Arrow data has
to expect a validity mask. It is reported all the same. Rules move only the patch number: they say
which values occur, not what a reader must be able to read.
Both contracts have to name their fields (`infer.complete_contract` fills them in); against a
contract without fields everything counts as dropped, which is breaking: unknown fails closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dataplatform.contracts.corrections import weigh_correction
from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.promotion import can_widen
from opendata.wire.version import Bump

SameDimension = Callable[[str, str], bool]


@dataclass(frozen=True)
class Change:
    """One difference; `breaking` is the reason in one sentence, or None.

    `adapter` names the block of the manifest's adapters that lets older readers go on;
    `constraint` says which promise changed, for constraint changes.
    """

    field: str
    old: Any
    new: Any
    bump: Bump
    breaking: str | None = None
    adapter: str | None = None
    constraint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The change as it stands in a changelog."""
        facts = {"field": self.field, "old": self.old, "new": self.new, "bump": str(self.bump)}
        notes = {
            "constraint": self.constraint,
            "breaking": self.breaking,
            "adapter": self.adapter,
        }
        return facts | {name: note for name, note in notes.items() if note is not None}


@dataclass(frozen=True)
class SchemaDiff:
    """All differences between two contracts: diff_S of requirement S4-29."""

    fields_add: tuple[Change, ...] = ()
    fields_drop: tuple[Change, ...] = ()
    type_change: tuple[Change, ...] = ()
    unit_change: tuple[Change, ...] = ()
    constraint_change: tuple[Change, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All differences in one row."""
        return (
            *self.fields_add,
            *self.fields_drop,
            *self.type_change,
            *self.unit_change,
            *self.constraint_change,
        )

    @property
    def bump(self) -> Bump:
        """How far the schema's version has to move."""
        return max((change.bump for change in self.changes), default=Bump.NONE)

    @property
    def breaking(self) -> bool:
        """Whether some reader of the old schema cannot read the new one."""
        return self.bump is Bump.MAJOR

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is breaking: one sentence per breaking change."""
        return tuple(change.breaking for change in self.changes if change.breaking)

    @property
    def renames(self) -> dict[str, str]:
        """Former names and the fields that stand for them now."""
        return {c.field: c.new for c in self.fields_drop if c.adapter == "fields_alias"}

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """The pinned form: five lists of changes."""
        return {
            "Fields_add": [change.to_json() for change in self.fields_add],
            "Fields_drop": [change.to_json() for change in self.fields_drop],
            "Type_change": [change.to_json() for change in self.type_change],
            "Unit_change": [change.to_json() for change in self.unit_change],
            "Constraint_change": [change.to_json() for change in self.constraint_change],
        }


def diff_schema(
    old: Contract, new: Contract, *, same_dimension: SameDimension | None = None
) -> SchemaDiff:
    """Compare two contracts.

    Args:
        old, new: The contracts of the release that readers know, and of the candidate.
        same_dimension: Whether two units measure one quantity; without it each change breaks.
    """
    pairs = list(_pairs(old, new))
    return SchemaDiff(
        fields_add=tuple(_added(old, new)),
        fields_drop=tuple(_dropped(old, new)),
        type_change=tuple(_typed(pairs)),
        unit_change=tuple(_measured(pairs, same_dimension)),
        constraint_change=(
            *_key_change(old, new),
            *_field_constraints(pairs, new),
            *_order_change(pairs, new),
            *_rule_changes(old, new),
        ),
    )


def successor(name: str, contract: Contract) -> FieldSpec | None:
    """The field that answers to `name` in a contract: by its name, else by an alias."""
    by_name = contract.field(name)
    return by_name or next((f for f in contract.fields if name in f.aliases), None)


def _pairs(old: Contract, new: Contract) -> Iterator[tuple[FieldSpec, FieldSpec]]:
    for before in old.fields:
        after = successor(before.name, new)
        if after is not None:
            yield before, after


def _added(old: Contract, new: Contract) -> Iterator[Change]:
    for field in new.fields:
        if old.field(field.name) is not None:
            continue
        taken_over = any(old.field(alias) is not None for alias in field.aliases)
        required = not field.nullable and field.default is None
        reason = None
        if required and not taken_over:
            reason = f"{field.name!r} is new and required, and has no default for older data"
        yield Change(field.name, None, _spec(field), _bump(reason, Bump.MINOR), reason)


def _dropped(old: Contract, new: Contract) -> Iterator[Change]:
    for field in old.fields:
        if new.field(field.name) is not None:
            continue
        after = successor(field.name, new)
        if after is None:
            reason = f"{field.name!r} was dropped and no field has it as an alias"
            yield Change(field.name, _spec(field), None, Bump.MAJOR, reason)
        else:
            yield Change(field.name, _spec(field), after.name, Bump.MINOR, adapter="fields_alias")


def _typed(pairs: list[tuple[FieldSpec, FieldSpec]]) -> Iterator[Change]:
    for before, after in pairs:
        if before.type != after.type:
            reason = None
            if not can_widen(before.arrow_type, after.arrow_type):
                reason = (
                    f"{after.name!r} changed from {before.type} to {after.type}, "
                    "which does not hold every former value"
                )
            yield Change(after.name, before.type, after.type, _bump(reason, Bump.MINOR), reason)


def _measured(
    pairs: list[tuple[FieldSpec, FieldSpec]], same_dimension: SameDimension | None
) -> Iterator[Change]:
    for before, after in pairs:
        if before.unit == after.unit:
            continue
        if before.unit is None:
            yield Change(after.name, None, after.unit, Bump.PATCH)
        elif after.unit is not None and same_dimension and same_dimension(before.unit, after.unit):
            yield Change(after.name, before.unit, after.unit, Bump.MINOR, adapter="unit_converters")
        else:
            reason = (
                f"the unit of {after.name!r} changed from {before.unit} to {after.unit or 'none'}, "
                "and nothing converts between them"
            )
            yield Change(after.name, before.unit, after.unit, Bump.MAJOR, reason)


def _key_change(old: Contract, new: Contract) -> Iterator[Change]:
    answering = (successor(name, new) for name in old.primary_key)
    carried = tuple(field.name if field else "" for field in answering)
    if carried == new.primary_key:
        return
    reason = None
    if carried and set(carried) != set(new.primary_key):
        reason = f"the primary key changed from {_listed(old)} to {_listed(new)}"
    yield Change(
        "primary_key",
        list(old.primary_key),
        list(new.primary_key),
        _bump(reason, Bump.MINOR),
        reason,
        constraint="primary_key",
    )


def _field_constraints(pairs: list[tuple[FieldSpec, FieldSpec]], new: Contract) -> Iterator[Change]:
    weights = {
        "nullable": Bump.MINOR,
        "default": Bump.MINOR,
        "tolerance": Bump.PATCH,
        "description": Bump.PATCH,
    }
    for before, after in pairs:
        for name, bump in weights.items():
            was, is_now = getattr(before, name), getattr(after, name)
            if was != is_now:
                yield Change(after.name, was, is_now, bump, constraint=name)
        yield from _alias_change(before, after, new)
        if (was := before.corr_env) != (now := after.corr_env):
            bump, reason = weigh_correction(after.name, was, now)
            adapter = "transforms" if bump is Bump.MINOR else None
            old, given = was and _spec(was), now and _spec(now)
            yield Change(after.name, old, given, bump, reason, adapter, "corr_env")


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
        _bump(reason, Bump.PATCH),
        reason,
        constraint="aliases",
    )


def _order_change(pairs: list[tuple[FieldSpec, FieldSpec]], new: Contract) -> Iterator[Change]:
    kept = list(dict.fromkeys(after.name for _, after in pairs))
    in_order = [name for name in new.field_names if name in set(kept)]
    if kept != in_order:
        yield Change("fields", kept, in_order, Bump.PATCH, constraint="order")


def _rule_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for rule in old.rules:
        if rule not in new.rules:
            yield Change(rule.label, _spec(rule), None, Bump.PATCH, constraint="rule")
    for rule in new.rules:
        if rule not in old.rules:
            yield Change(rule.label, None, _spec(rule), Bump.PATCH, constraint="rule")


def _bump(reason: str | None, otherwise: Bump) -> Bump:
    return Bump.MAJOR if reason else otherwise


def _spec(model: Any) -> dict[str, Any]:
    spec: dict[str, Any] = model.model_dump(mode="json", exclude_none=True)
    return spec


def _listed(contract: Contract) -> str:
    return f"({', '.join(contract.primary_key)})" if contract.primary_key else "none"
