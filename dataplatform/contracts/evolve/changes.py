"""The values that a comparison of contracts gives: changes, sorted by kind.

Here belongs what a change is and how it is told. Finding changes belongs to the modules beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opendata.wire.version import Bump


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
    def told(self) -> tuple[str, ...]:
        """What asks for the bump, in a few words each."""
        kinds = (
            (self.fields_add, "{field} is new"),
            (self.fields_drop, "{field} is called {new}"),
            (self.type_change, "{field} became {new}"),
            (self.unit_change, "{field} is in {new}"),
            (self.constraint_change, "{constraint} of {field} changed"),
        )
        return tuple(
            change.breaking
            or words.format(field=change.field, new=change.new, constraint=change.constraint)
            for changes, words in kinds
            for change in changes
            if change.bump is self.bump
        )

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


def bump_of(reason: str | None, otherwise: Bump) -> Bump:
    """Major where there is a reason why it breaks readers."""
    return Bump.MAJOR if reason else otherwise


def spec_of(model: Any) -> dict[str, Any]:
    """A field or rule as plain JSON."""
    spec: dict[str, Any] = model.model_dump(mode="json", exclude_none=True)
    return spec
