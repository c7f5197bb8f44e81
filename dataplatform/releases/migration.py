"""Migration: what code that was written for an earlier schema does to move on (S4-51). Pure.

Here belongs the text of the derived MIGRATION.md. Which adapters there are, and whether they
suffice, is said by `opendata.wire.compatibility`; what single releases changed, in CHANGELOG.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from opendata.reading.partitions import routed_span
from opendata.wire.bridges import (
    Bridge,
    ColumnBridge,
    Route,
    UnitBridge,
    bridge_between,
    schema_version,
)
from opendata.wire.changes import bullet, in_unit, listed
from opendata.wire.compatibility import (
    COMPATIBLE,
    INCOMPATIBLE,
    Step,
    Verdict,
    declared_floor,
    judge,
    sentence,
    steps_between,
)
from opendata.wire.manifest import Manifest

_NOT_FOR_READERS = ("added", "index")


def migration_guide(stored: Manifest, readers: Sequence[Manifest]) -> str | None:
    """The guide to the schema of `stored` for code that knows one of the earlier schemas.

    Args:
        readers: A release of each schema, in any order. Those that are not earlier, and those below
            `reader_min`, get no chapter.

    Returns:
        Markdown, or None where there is no earlier schema.
    """
    present = schema_version(stored)
    earlier = sorted((r for r in readers if schema_version(r) < present), key=schema_version)
    if not earlier:
        return None
    least = declared_floor(stored)
    served = [one for one in earlier if least is None or schema_version(one) >= least]
    chapters = [_chapter(one, stored) for one in reversed(served)]
    return "\n".join([*_opening(stored, earlier, served), *(line for c in chapters for line in c)])


def _opening(
    stored: Manifest, earlier: Sequence[Manifest], served: Sequence[Manifest]
) -> Iterator[str]:
    yield f"# Moving to schema {stored.versioning.schema_version} of {stored.id}"
    yield ""
    yield (
        f"For code that reads `{stored.id}` and was written for an earlier schema. What single "
        "releases changed stands in the changelog."
    )
    yield ""
    if len(served) < len(earlier):
        dropped = [_short(one) for one in earlier if one not in served]
        yield (
            f"Schema {listed(dropped)} {'is' if len(dropped) == 1 else 'are'} no longer served: "
            f"readers need {declared_floor(stored)} at least."
        )
        yield ""


def _chapter(reader: Manifest, stored: Manifest) -> Iterator[str]:
    bridge = bridge_between(reader, stored)
    verdict = judge(reader, stored, bridge)
    yield f"## From {_short(reader)}"
    yield ""
    if verdict.verdict == INCOMPATIBLE:
        yield from _without_adapter(reader, stored, verdict)
        return
    steps = [s for s in steps_between(reader, stored, bridge) if s.kind not in _NOT_FOR_READERS]
    if verdict.verdict == COMPATIBLE and not steps:
        yield "Nothing to do: columns were added at most, and all others are as they were."
        yield ""
        return
    yield "Your code can stay as it is if it says which schema it knows:"
    yield ""
    yield from _code([f'od.load("{stored.id}", reader="{_short(reader)}")'])
    yield "What that does for you:"
    yield ""
    for step in steps:
        yield bullet(_advice(step, reader, stored))
    yield ""
    yield "Once you move on, write:"
    yield ""
    yield from _code(_rewritten(reader, stored, bridge))


def _without_adapter(reader: Manifest, stored: Manifest, verdict: Verdict) -> Iterator[str]:
    yield f"No adapter leads to {stored.versioning.schema_version} from here:"
    yield ""
    for reason in verdict.reasons:
        yield bullet(reason)
    yield ""
    yield "Until your code is changed, read the last release that it knows:"
    yield ""
    yield from _code([f'od.load("{stored.id}@{reader.release}")'])


def _advice(step: Step, reader: Manifest, stored: Manifest) -> str:
    if step.kind == "rename":
        return f"`{step.field}` is called `{step.new}` now; the former name is kept for you"
    if step.kind == "unit":
        units = f"in {in_unit(step.new)}; you get it in {in_unit(step.old)}, as before"
        return f"`{step.field}` is stored {units}"
    if step.kind == "correction":
        return f"`{step.field}` refers to {step.new}; you get it as of {step.old}, as before"
    if step.kind == "crs":
        names = listed([f"`{name}`" for name in step.field.split(", ")])
        return f"{names} are stored in {step.new}; you get them in {step.old}, as before"
    if step.kind == "type":
        what = f"`{step.field}` may hold any {step.new} now; you get {step.old}"
        return f"{what}, and an error that names the column if a value does not fit"
    if step.kind == "route":
        return _routed(step, reader, stored)
    if step.kind == "order":
        return sentence(step)
    if step.kind == "required":
        return f"`{step.field}` was added and always has a value; it is left out for you"
    return f"`{step.field}` is not in this release; every row has {step.new or 'null'}"


def _routed(step: Step, reader: Manifest, stored: Manifest) -> str:
    cuts = [f"by {cut}" if cut != "none" else "in one file" for cut in (step.old, step.new)]
    known = next((entry.name for entry in reader.files), "all")
    example = f'`partition="{known}"`'
    told = f"the data are cut {cuts[1]} now instead of {cuts[0]}"
    return f"{told}; paths such as {example} go on working"


def _rewritten(reader: Manifest, stored: Manifest, bridge: Bridge) -> Iterator[str]:
    """The same columns in the present words, as lines of Python."""
    yield f'df = od.load("{stored.id}")'
    for column in bridge.columns:
        yield from _column_lines(column)
    for system in bridge.coordinates:
        yield f'df[["{system.x}", "{system.y}"]]  # in {system.stored}, was in {system.wanted}'
    if bridge.route is not None and bridge.route.time is not None:
        yield from _route_lines(reader, stored, bridge.route)


def _route_lines(reader: Manifest, stored: Manifest, route: Route) -> Iterator[str]:
    """A path that the reader issued, as the interval that it means."""
    for entry in reader.files[:1]:
        span = routed_span(reader, stored, route, entry.name)
        if span.first is not None:
            interval = f'start="{span.first}", end="{span.last}"'
            yield f'od.load("{stored.id}", {interval})  # was partition="{entry.name}"'


def _column_lines(column: ColumnBridge) -> Iterator[str]:
    if column.source is None:
        return
    if column.source != column.name:
        yield f'df["{column.source}"]  # was df["{column.name}"]'
    if column.unit is not None and column.unit.factor is not None:
        value = f'df["{column.source}"]{_arithmetic(column.unit)}'
        yield f"{value}  # in {in_unit(column.unit.wanted)}, if you need it"
    if column.correction is not None:
        stands = column.correction.function
        yield f'df["{column.source}"]  # {stands} leads to other conditions'
    if column.type != column.stored_type and column.unit is None:
        yield f'df["{column.source}"]  # {column.stored_type}, was {column.type}'


def _arithmetic(unit: UnitBridge) -> str:
    factor, offset = unit.factor or Fraction(1), unit.offset or Fraction(0)
    text = f" * {_number(factor.numerator)}" if factor.numerator != 1 else ""
    text += f" / {_number(factor.denominator)}" if factor.denominator != 1 else ""
    if offset:
        text += f" {'-' if offset < 0 else '+'} {float(abs(offset)):g}"
    return text


def _number(count: int) -> str:
    return str(count) if count < 10**6 else f"{float(count)!r}"


def _code(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield "```python"
    yield from lines
    yield "```"
    yield ""


def _short(manifest: Manifest) -> str:
    version = schema_version(manifest)
    return f"{version.major}.{version.minor}"
