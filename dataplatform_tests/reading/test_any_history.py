"""Whatever a data set went through, a reader gets the values that its own release gave."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dataplatform_tests.reading.histories import History, yields
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Rejected
from opendata.wire.version import parse_version

ROWS = 75
UNITS = {"percent": 1.0, "1": 0.01, "permille": 10.0}
CUTS = ("none", "year", "month", "day")
TYPES = ("int16", "int32", "int64")


@dataclass(frozen=True)
class State:
    """What a schema is like at one time. `names` are those that the rate had, the last one now."""

    names: tuple[str, ...] = ("rate0",)
    unit: str = "percent"
    cut: str = "month"
    count: str = "int16"
    added: int = 0
    major: int = 1
    broken_at: int = 0

    @property
    def fields(self) -> list[dict[str, Any]]:
        rate = {"name": self.names[-1], "type": "float64", "unit": self.unit}
        extra = [{"name": f"extra{at}", "type": "string"} for at in range(self.added)]
        rate["aliases"] = self.names[:-1]
        return [rate, {"name": "count", "type": self.count}, *extra]

    @property
    def columns(self) -> dict[str, pa.Array]:
        factor = UNITS[self.unit]
        rates = [None if one is None else one * factor for one in yields(ROWS).to_pylist()]
        counts = pa.array(range(ROWS)).cast(self.count)
        extra = {f"extra{at}": pa.array(["x"] * ROWS) for at in range(self.added)}
        return {self.names[-1]: pa.array(rates, pa.float64()), "count": counts, **extra}


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[str, Any]]:
    kinds = st.one_of(
        st.tuples(st.just("rename"), st.none()),
        st.tuples(st.just("unit"), st.sampled_from(sorted(UNITS))),
        st.tuples(st.just("cut"), st.sampled_from(CUTS)),
        st.tuples(st.just("widen"), st.none()),
        st.tuples(st.just("add"), st.none()),
        st.tuples(st.just("break"), st.none()),
    )
    return draw(st.lists(kinds, min_size=1, max_size=4))


def moved(state: State, kind: str, value: Any) -> State:
    """The state after a move; the same where it would change nothing."""
    if kind == "rename":
        return replace(state, names=(*state.names, f"rate{len(state.names)}"))
    if kind == "unit":
        return replace(state, unit=value)
    if kind == "cut" and value != state.cut:
        return replace(state, cut=value, major=state.major + 1)
    if kind == "widen" and state.count != TYPES[-1]:
        return replace(state, count=TYPES[TYPES.index(state.count) + 1])
    if kind == "add":
        return replace(state, added=state.added + 1)
    if kind == "break":  # a column that goes without an heir
        names = (f"other{state.major}",)
        return replace(state, names=names, major=state.major + 1, broken_at=state.major + 1)
    return state


def close(got: list[Any], expected: list[Any]) -> bool:
    pairs = zip(got, expected, strict=True)
    return all(
        one == other if one is None or other is None else math.isclose(one, other, rel_tol=1e-12,
                                                                       abs_tol=1e-12)
        for one, other in pairs
    )  # fmt: skip


@pytest.mark.requirement("S4-13", "S4-56", "S4-57", "S4-63", "S4-80", "S4-81")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves())
@example(story=[("unit", "1"), ("rename", None), ("unit", "permille"), ("rename", None)])
@example(story=[("unit", "1"), ("unit", "permille"), ("unit", "percent"), ("cut", "year")])
@example(story=[("break", None), ("unit", "1"), ("cut", "day"), ("cut", "none")])
def test_every_reader_gets_the_values_that_its_own_release_gave(
    story: list[tuple[str, Any]],
) -> None:
    with TemporaryDirectory() as folder:
        history = History(Path(folder), MemoryStore())
        state = State()
        known: dict[str, State] = {}
        for kind, value in [("begin", None), *story]:
            after = moved(state, kind, value)
            if after == state and kind != "begin":
                continue
            state = after
            version = f"{state.major}.0.0" if state.major > 1 else None
            manifest = history.release(
                state.columns, *state.fields, shard=state.cut, version=version
            )
            known[manifest.versioning.schema_version] = state
        for schema, earlier in known.items():
            check_reader(history, schema, earlier, state)


def check_reader(history: History, schema: str, earlier: State, state: State) -> None:
    if parse_version(schema).major < state.broken_at:
        with pytest.raises(Rejected, match=r"was dropped and no field has it as an alias"):
            history.read(schema)
        return
    table = history.read(schema)
    own = pa.table(earlier.columns)
    assert table.schema.names == ["day", *own.schema.names]
    assert [table.schema.field(name).type for name in own.schema.names] == own.schema.types
    rate = earlier.names[-1]
    assert close(table.column(rate).to_pylist(), own.column(rate).to_pylist())
    assert table.column("count").to_pylist() == own.column("count").to_pylist()
    few = history.read(schema, filters=[(rate, ">", 5.0 * UNITS[earlier.unit])], columns=["count"])
    values = table.column(rate).to_pylist()
    wanted = [at for at, one in enumerate(values) if one and one > 5.0 * UNITS[earlier.unit]]
    assert few.column("count").to_pylist() == wanted
    first = history.known_to(schema).files[0]
    assert history.read(schema, partition=first.name).num_rows == first.row_count
