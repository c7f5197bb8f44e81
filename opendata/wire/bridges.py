"""Bridges: how the rows of a release look to a reader that knows another one of its schemas. Pure.

Here belongs what leads from stored columns to those that a reader expects: names, units,
references, coordinates and paths. It follows from two manifests, and from the adapters that the
newer one of them carries; rows are not touched here (see `reading/adapting`). Whether all that is
enough, and in which words that is told, belongs in `compatibility`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opendata.wire.codec import replace
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import FieldEntry, Manifest
from opendata.wire.references import CorrectionBridge, correction_between, promise_of
from opendata.wire.version import Version, parse_version


@dataclass(frozen=True)
class UnitBridge:
    """`wanted = stored * factor + offset`; where that is no straight line both are None."""

    stored: str
    wanted: str
    factor: Fraction | None
    offset: Fraction | None


@dataclass(frozen=True)
class CrsBridge:
    """Coordinates that are stored in another reference system; `x` and `y` are stored columns."""

    stored: str
    wanted: str
    x: str
    y: str


@dataclass(frozen=True)
class ColumnBridge:
    """One column of the reader and the stored one that it is made of.

    Without a `source` every row has `default`, or null.
    """

    name: str
    type: str
    source: str | None
    stored_type: str | None = None
    unit: UnitBridge | None = None
    correction: CorrectionBridge | None = None
    default: Any = None

    @property
    def changes_values(self) -> bool:
        """Whether the stored values are others than the reader's."""
        return self.unit is not None or self.correction is not None

    @property
    def is_monotonic(self) -> bool:
        """Whether values change in a straight line, so that their order stays."""
        return self.unit is not None and self.unit.factor is not None and self.correction is None

    @property
    def is_plain(self) -> bool:
        """Whether the stored column can be handed over as it is."""
        is_same = self.source == self.name and self.type == self.stored_type
        return is_same and not self.changes_values


@dataclass(frozen=True)
class Route:
    """Old partition paths: the reader's cut and the release's, over a stored time column."""

    reader: str
    stored: str
    time: str | None


@dataclass(frozen=True)
class Bridge:
    """All that leads from a release to a reader. `problems` say what nothing leads over."""

    columns: tuple[ColumnBridge, ...]
    coordinates: tuple[CrsBridge, ...] = ()
    route: Route | None = None
    time: str | None = None
    problems: tuple[str, ...] = ()


def schema_version(manifest: Manifest) -> Version:
    """The schema version of a release."""
    return parse_version(manifest.versioning.schema_version)


def bridge_between(reader: Manifest, stored: Manifest) -> Bridge:
    """What leads from the release that is read to one whose schema the reader knows.

    Adapters are recorded in the newer of the two, so a reader that is newer than the data finds
    them in its own.
    """
    problems: list[str] = []
    found = ((field.name, answering(field, reader, stored)) for field in reader.schema)
    sources = {name: source.name if source else None for name, source in found}
    coordinates = tuple(_coordinates(reader, stored, sources))
    moved = {name for system in coordinates for name in (system.x, system.y)}
    columns = tuple(_columns(reader, stored, moved, problems))
    time = sources.get(reader.time_column or "")
    return Bridge(
        columns,
        coordinates,
        _route(reader, stored, time, problems),
        time,
        (*problems, *_key_problem(reader, stored, sources)),
    )


def in_words_of(reader: Manifest, stored: Manifest) -> Manifest:
    """What may be asked through a reader's schema: its own columns, then those added since."""
    own = {field.name for field in reader.schema}
    taken = {found.name for one in reader.schema if (found := answering(one, reader, stored))}
    added = (one for one in stored.schema if one.name not in own | taken)
    return replace(reader, schema=(*reader.schema, *added))


def newer_of(one: Manifest, other: Manifest) -> Manifest:
    """The one with the higher schema version; the first where both are alike."""
    return one if schema_version(one) >= schema_version(other) else other


def answering(field: FieldEntry, reader: Manifest, stored: Manifest) -> FieldEntry | None:
    """The stored column that is the reader's: by name, by an alias, or by its former name."""
    if (same := stored.field(field.name)) is not None:
        return same
    for entry in stored.schema:
        if field.name in entry.aliases:
            return entry
    renamed = stored.adapters.fields_alias.get(field.name)
    former = [old for old, new in reader.adapters.fields_alias.items() if new == field.name]
    names = (renamed, *field.aliases, *former)
    return next((found for name in names if name and (found := stored.field(name))), None)


def _columns(
    reader: Manifest, stored: Manifest, moved: Container[str], problems: list[str]
) -> Iterator[ColumnBridge]:
    for field in reader.schema:
        source = answering(field, reader, stored)
        if source is None:
            promise = promise_of(reader, field.name)
            if not field.nullable and promise.get("default") is None:
                problems.append(
                    f"{field.name!r} is required by readers of "
                    f"{reader.versioning.schema_version}, and the release has nothing for it"
                )
            yield ColumnBridge(field.name, field.type, None, default=promise.get("default"))
            continue
        yield ColumnBridge(
            field.name,
            field.type,
            source.name,
            source.type,
            # Coordinates are in the unit of their reference system.
            None if source.name in moved else _unit(field, source, reader, stored, problems),
            correction_between(field, source, reader, stored, problems),
        )


def _unit(
    field: FieldEntry,
    source: FieldEntry,
    reader: Manifest,
    stored: Manifest,
    problems: list[str],
) -> UnitBridge | None:
    if field.unit is None or field.unit == source.unit:
        return None  # readers that know no unit take the values as they are
    wanted, given = field.unit, source.unit
    for manifest, name, is_forward in (
        (stored, source.name, False),
        (reader, field.name, True),
    ):
        before, after = (given, wanted) if is_forward else (wanted, given)
        for entry in manifest.adapters.unit_converters.get(name, ()):
            if (entry["from"], entry["to"]) == (before, after):
                return UnitBridge(given or "", wanted, *_line(entry, is_forward=is_forward))
    problems.append(
        f"the unit of {field.name!r} changed from {wanted} to {given or 'none'}, "
        "and nothing converts between them"
    )
    return None


def _line(
    entry: Mapping[str, Any], *, is_forward: bool
) -> tuple[Fraction, Fraction] | tuple[None, None]:
    if entry.get("factor") is None:
        return None, None
    try:
        factor, offset = Fraction(entry["factor"]), Fraction(entry["offset"])
        return (factor, offset) if is_forward else (1 / factor, -offset / factor)
    except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise Corrupt(
            f"a manifest's unit converter leads nowhere: {dict(entry)}", code="malformed_converter"
        ) from error


def _coordinates(
    reader: Manifest, stored: Manifest, sources: Mapping[str, str | None]
) -> Iterator[CrsBridge]:
    """Pairs of columns whose reference system is another one than the reader knows.

    The transforms of a data set only grow, so the last one of a pair tells where it stands.
    """
    named = {source: name for name, source in sources.items() if source is not None}
    newer = newer_of(stored, reader)
    first: dict[tuple[str, str], str] = {}
    for entry in newer.transforms:
        if entry.get("kind") == "crs":
            x, y = entry["x"], entry["y"]
            pair = (x, y) if newer is stored else (sources.get(x) or "", sources.get(y) or "")
            first.setdefault(pair, entry["from"])
    for (x, y), beginning in first.items():
        if x not in named or y not in named:
            continue
        known = _system(reader, named[x], named[y]) or beginning
        present = _system(stored, x, y) or beginning
        if known != present:
            yield CrsBridge(present, known, x, y)


def _system(manifest: Manifest, x: str, y: str) -> str | None:
    moves = [
        str(entry["to"])
        for entry in manifest.transforms
        if entry.get("kind") == "crs" and (entry["x"], entry["y"]) == (x, y)
    ]
    return moves[-1] if moves else None


def _route(
    reader: Manifest, stored: Manifest, time: str | None, problems: list[str]
) -> Route | None:
    if reader.shard == stored.shard:
        return None
    newer = newer_of(stored, reader)
    older = reader if newer is stored else stored
    rule = next((one for one in newer.adapters.routing_rules if one["from"] == older.shard), None)
    if rule is None:
        problems.append(
            f"shards change from {reader.shard} to {stored.shard}: old paths no longer resolve"
        )
        return None
    return Route(reader.shard, stored.shard, time or stored.time_column)


def _key_problem(
    reader: Manifest, stored: Manifest, sources: Mapping[str, str | None]
) -> Iterator[str]:
    known = reader.contract.get("primary_key") or ()
    present = stored.contract.get("primary_key") or ()
    if known and {sources.get(name) for name in known} != set(present):
        yield f"the primary key changed from {_listed(known)} to {_listed(present)}"


def _listed(names: Any) -> str:
    return f"({', '.join(names)})" if names else "none"
