"""Carrying: what a new release records so that readers of earlier schemas can go on (S4-79…S4-81).

Pure. At every freeze the adapters of the release before are led on to the new schema, so a manifest
by itself leads from every schema that still has readers to its own: nobody has to read the releases
in between. A break that nothing leads over ends the line, and says why for ever. How a reader uses
all this belongs to `opendata.wire.bridges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dataplatform.contracts.evolve import SchemaDiff
from dataplatform.contracts.units import Units
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.compare import Comparison
from dataplatform.releases.reprojection import transform_steps
from opendata.wire.manifest import Adapters, Break, Manifest
from opendata.wire.version import parse_version

Entry = Mapping[str, Any]
_NAMES: Final = ("field", "x", "y")
"""The parts of a transform that name columns."""


@dataclass(frozen=True)
class Carried:
    """The blocks of a manifest that lead earlier readers on."""

    adapters: Adapters = field(default_factory=Adapters)
    transforms: tuple[dict[str, Any], ...] = ()
    breaks: tuple[Break, ...] = ()


def carry_readers(
    current: Manifest | None, candidate: Candidate, change: Comparison, units: Units
) -> Carried:
    """What the release of this candidate has to record, after the one that it follows.

    Args:
        current: The current release; None for the first one, which has no earlier readers.
        units: Where straight lines between two units are known.
    """
    if current is None:
        return Carried()
    breaks = current.breaks
    bridged = True
    if change.breaking:
        broken = _broken(current, candidate, change)
        breaks, bridged = (*breaks, broken), not broken.reasons
    before = current if bridged else None
    renames = change.schema.renames
    kept = {entry.name for entry in candidate.schema}
    converters = _converters(before, change.schema, renames, kept, units)
    others = _other_transforms(before, change.schema, renames, kept)
    return Carried(
        Adapters(
            fields_alias=_aliases(before, renames),
            unit_converters=converters,
            routing_rules=tuple(_routes(before, current, candidate, change, renames)),
        ),
        (*(dict(entry) for entries in converters.values() for entry in entries), *others),
        breaks,
    )


def _broken(current: Manifest, candidate: Candidate, change: Comparison) -> Break:
    """Each breaking change, with the adapter that leads over it where there is one."""
    bridged: dict[str, str] = {}
    told = set(change.schema.reasons)
    for one in change.schema.changes:
        adapter = one.adapter or ("projection" if one in change.schema.fields_add else None)
        if one.breaking and adapter:
            bridged[one.breaking] = adapter
    if change.partition and _can_route(current, candidate, change):
        for reason in change.breaking_reasons:
            if reason not in told and reason not in change.older:
                bridged[reason] = "routing_rules"
    schema = parse_version(current.versioning.schema_version).bumped(change.schema_bump)
    return Break(
        schema_version=str(schema),
        reasons=tuple(reason for reason in change.breaking_reasons if reason not in bridged),
        bridged=bridged,
    )


def _can_route(current: Manifest, candidate: Candidate, change: Comparison) -> bool:
    """Whether paths of the old cut say which rows they mean in the new one."""
    if current.shard == "none":
        return True
    return _time_now(current, candidate, change.schema.renames) is not None


def _time_now(current: Manifest, candidate: Candidate, renames: Mapping[str, str]) -> str | None:
    """What the column that the old cut was made by is called now."""
    time = current.time_column
    name = renames.get(time, time) if time else None
    return name if any(entry.name == name for entry in candidate.schema) else None


def _aliases(before: Manifest | None, renames: Mapping[str, str]) -> dict[str, str]:
    inherited = before.adapters.fields_alias if before else {}
    return {**{old: renames.get(new, new) for old, new in inherited.items()}, **renames}


def _converters(
    before: Manifest | None,
    schema: SchemaDiff,
    renames: Mapping[str, str],
    kept: Iterable[str],
    units: Units,
) -> dict[str, Any]:
    """From every unit that a field once had to the present one, by the field's present name."""
    inherited: Mapping[str, Any] = before.adapters.unit_converters if before else {}
    converters = {renames.get(name, name): list(entries) for name, entries in inherited.items()}
    for one in schema.unit_change:
        if one.adapter != "unit_converters":
            continue  # declared where there was none, a break, or it follows the coordinates
        step = _unit_entry(one.field, one.old, one.new, units)
        led = (_led_on(entry, step, units) for entry in converters.get(one.field, ()))
        former = [entry for entry in led if entry["from"] not in (one.new, one.old)]
        converters[one.field] = [*former, step]
    names = set(kept)
    return {name: entries for name, entries in sorted(converters.items()) if name in names}


def _unit_entry(name: str, old: str, new: str, units: Units) -> dict[str, Any]:
    factor, offset = units.straight_line(old, new) or (None, None)
    return {
        "kind": "unit",
        "field": name,
        "from": old,
        "to": new,
        "factor": factor,
        "offset": offset,
        "corr_env": None,
    }


def _led_on(entry: Entry, step: Entry, units: Units) -> dict[str, Any]:
    return _unit_entry(step["field"], entry["from"], step["to"], units)


def _other_transforms(
    before: Manifest | None, schema: SchemaDiff, renames: Mapping[str, str], kept: Iterable[str]
) -> list[dict[str, Any]]:
    """References, coordinates and orders: each step is kept, under the present names."""
    names = set(kept)
    inherited = [
        {key: _renamed(value, renames) if key in _NAMES else value for key, value in entry.items()}
        for entry in (before.transforms if before else ())
        if entry.get("kind") != "unit"
    ]
    entries = [*inherited, *transform_steps(schema)]
    return [one for one in entries if {one[key] for key in _NAMES if key in one} <= names]


def _renamed(name: str, renames: Mapping[str, str]) -> str:
    return renames.get(name, name)


def _routes(
    before: Manifest | None,
    current: Manifest,
    candidate: Candidate,
    change: Comparison,
    renames: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """From every cut that there once was to the present one."""
    for rule in before.adapters.routing_rules if before else ():
        if rule["from"] not in (candidate.shard, current.shard):
            time = rule["time"]
            yield {**rule, "to": candidate.shard, "time": renames.get(time, time)}
    if change.partition and before is not None and _can_route(current, candidate, change):
        time = _time_now(current, candidate, renames)
        yield {"from": current.shard, "to": candidate.shard, "time": time}
