"""Compatibility: whether a reader of one schema version can read a release, and why (S4-56…S4-60).

Pure. Here belong the three verdicts and their sentences; what leads from stored columns to those of
the reader belongs in `bridges`, applying it in `reading`. Also the stored form of the matrix, which
is derived from the manifests and can be made again.

===========================================================  ============================
between the reader's schema and the release's                verdict
===========================================================  ============================
nothing, nullable columns added, types widened               compatible
column renamed, required column added, unit, reference or    compatible_with_adapter
coordinate system changed, shards cut otherwise
below `reader_min`; a key, a narrowed type or a dropped      incompatible
column; a major that no adapter leads over
===========================================================  ============================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from opendata.wire.bridges import (
    Bridge,
    ColumnBridge,
    answering,
    bridge_between,
    newer_of,
    schema_version,
)
from opendata.wire.changes import conditions, in_unit
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version, parse_version

COMPATIBLE: Final = "compatible"
WITH_ADAPTER: Final = "compatible_with_adapter"
INCOMPATIBLE: Final = "incompatible"
MATRIX_FORMAT: Final = "opendata-compatibility/1"


class Verdict(Wire):
    """Whether a reader can read, the reasons in sentences, and the adapters that it takes."""

    verdict: str
    reasons: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()


class Step(Wire):
    """One thing that differs for a reader. `kind` says what, `adapter` what leads over it."""

    kind: str
    field: str
    old: str | None = None
    new: str | None = None
    adapter: str | None = None


class Cell(Wire):
    """One cell of the matrix: a reader's schema against a data set's, and its newest release."""

    reader: str
    schema_version: str
    data_release: str
    verdict: str
    reasons: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()


class SchemaRelease(Wire):
    """A schema version that was published, the newest release that has it, and a digest of what
    its readers can rely on: where that is the same, so are the verdicts."""

    schema_version: str
    data_release: str
    facts: str


class Matrix(Wire):
    """`compatibility.json`: reader × schema version × data release (S4-50, S4-56).

    `changelog_sha256` and `migration_sha256` are the digests of the texts that were derived with
    it, so that damage to them is found.
    """

    id: str
    generation: int
    release: str
    schema_version: str
    reader_min: str | None
    schemas: tuple[SchemaRelease, ...]
    cells: tuple[Cell, ...]
    changelog_sha256: str | None = None
    migration_sha256: str | None = None
    format: str = MATRIX_FORMAT


decoder_of(Matrix)


def read_matrix(data: bytes, what: str) -> Matrix:
    """Read a stored matrix.

    Raises:
        Corrupt: if it is malformed or of an unknown format.
    """
    matrix = read_wire(Matrix, data, what)
    if matrix.format != MATRIX_FORMAT:
        raise Corrupt(f"{what} has the format {matrix.format!r}", code="unknown_format")
    return matrix


def judge(reader: Manifest, stored: Manifest, bridge: Bridge | None = None) -> Verdict:
    """The verdict on a reader that knows the schema of `reader`, reading the release `stored`."""
    bridge = bridge or bridge_between(reader, stored)
    refused = tuple(dict.fromkeys(_refusals(reader, stored, bridge)))
    if refused:
        return Verdict(verdict=INCOMPATIBLE, reasons=refused)
    steps = tuple(steps_between(reader, stored, bridge))
    adapters = tuple(dict.fromkeys(step.adapter for step in steps if step.adapter))
    return Verdict(
        verdict=WITH_ADAPTER if adapters else COMPATIBLE,
        reasons=tuple(sentence(step) for step in steps),
        adapters=adapters,
    )


def _refusals(reader: Manifest, stored: Manifest, bridge: Bridge) -> Iterator[str]:
    known, floor = schema_version(reader), declared_floor(stored)
    if floor is not None and known < floor:
        yield f"readers need schema {floor} at least (reader_min), and this one knows {known}"
    broken = tuple(_broken(reader, stored))
    # What a release broke was said when it was frozen; the two schemas alone know less.
    yield from broken or bridge.problems


def declared_floor(stored: Manifest) -> Version | None:
    """The `reader_min` that the publisher declared, below which nobody is served.

    Without a declaration whoever is older takes adapters, where they lead so far.
    """
    declared = stored.definition.get("release", {}).get("reader_min")
    return parse_version(declared) if declared else None


def _broken(reader: Manifest, stored: Manifest) -> Iterator[str]:
    """Why the majors between the two cannot be crossed."""
    newer = newer_of(stored, reader)
    known, present = schema_version(reader), schema_version(stored)
    low, high = min(known, present), max(known, present)
    crossed = [one for one in newer.breaks if low < parse_version(one.schema_version) <= high]
    for one in crossed:
        for reason in one.reasons:
            yield f"schema {one.schema_version}: {reason}"
    told = {parse_version(one.schema_version).major for one in crossed}
    for major in range(low.major + 1, high.major + 1):
        if major not in told:
            yield f"schema {major}.0.0 broke readers of {major - 1}.x, and records no adapter"


def steps_between(reader: Manifest, stored: Manifest, bridge: Bridge) -> Iterator[Step]:
    """What differs, in the order of the reader's columns."""
    for column in bridge.columns:
        yield from _column_steps(column)
    for system in bridge.coordinates:
        pair = f"{system.x}, {system.y}"
        yield Step(kind="crs", field=pair, old=system.wanted, new=system.stored, adapter="crs")
    if bridge.route is not None:
        yield Step(
            kind="route",
            field=bridge.route.time or "",
            old=bridge.route.reader,
            new=bridge.route.stored,
            adapter="routing_rules",
        )
    if moved := _reordered(reader, stored):
        yield Step(kind="order", field="", old=moved[0], new=moved[1])
    yield from _left_out(reader, stored)
    kept = {index.keys for index in stored.indexes}
    for index in reader.indexes:
        if index.keys not in kept:
            yield Step(kind="index", field=", ".join(index.keys))


def _column_steps(column: ColumnBridge) -> Iterator[Step]:
    name = column.name
    if column.source is None:
        given = None if column.default is None else str(column.default)
        yield Step(kind="missing", field=name, new=given, adapter="default")
        return
    if column.source != name:
        yield Step(kind="rename", field=name, new=column.source, adapter="fields_alias")
    if column.unit is not None:
        old, new = column.unit.wanted, column.unit.stored
        yield Step(kind="unit", field=name, old=old, new=new, adapter="unit_converters")
    if column.correction is not None:
        old, new = conditions(column.correction.wanted), conditions(column.correction.stored)
        yield Step(kind="correction", field=name, old=old, new=new, adapter="corr_env")
    if column.type != column.stored_type:
        yield Step(kind="type", field=name, old=column.type, new=column.stored_type)


def _reordered(reader: Manifest, stored: Manifest) -> tuple[str, str] | None:
    """By which columns rows were sorted when the reader met them, and are now (S4-21)."""
    steps = [one for one in newer_of(stored, reader).transforms if one.get("kind") == "order"]
    passed = steps[len([one for one in reader.transforms if one.get("kind") == "order"]) :]
    if not passed or schema_version(reader) > schema_version(stored):
        return None
    return ", ".join(passed[0]["from"]), ", ".join(passed[-1]["to"])


def _left_out(reader: Manifest, stored: Manifest) -> Iterator[Step]:
    taken = {found.name for one in reader.schema if (found := answering(one, reader, stored))}
    is_older = schema_version(reader) < schema_version(stored)
    for field in stored.schema:
        if field.name not in taken:
            required = is_older and not field.nullable
            kind, adapter = ("required", "projection") if required else ("added", None)
            yield Step(kind=kind, field=field.name, adapter=adapter)


_SENTENCES: Final = {
    "rename": "'{field}' is called '{new}' now",
    "unit": "'{field}' is stored in {new} and given in {old}",
    "correction": "'{field}' refers to {new} and is given as of {old}",
    "type": "'{field}' is stored as {new} and given as {old}",
    "missing": "'{field}' is not in this release and has {new} in every row",
    "crs": "{field} are stored in {new} and given in {old}",
    "route": "shards are cut by {new}; paths of the cut by {old} are routed",
    "required": "'{field}' is a required column that was added; it is left out",
    "added": "'{field}' is a column that was added; it is left out",
    "order": "rows are sorted by {new}, where they were by {old}",
    "index": "the index on {field} is gone; reads go without it",
}
_CUTS: Final = {"none": "nothing (one file)"}


def sentence(step: Step) -> str:
    """A step as one sentence."""
    words = {"field": step.field, "old": step.old, "new": step.new or "null"}
    if step.kind == "unit":
        words |= {"old": in_unit(step.old), "new": in_unit(step.new)}
    if step.kind == "route":
        words |= {"old": _CUTS.get(step.old or "", step.old), "new": _CUTS.get(step.new or "")
                  or step.new}  # fmt: skip
    return _SENTENCES[step.kind].format(**words)
