"""Values in the units, references and coordinates that a reader knows, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

import opendata as od
from dataplatform.adapters.units.pint import straight_line
from dataplatform_tests.reading.histories import DAY, History, days
from opendata.reading import corrections
from opendata.reading.conversions import in_type, in_unit, reprojected
from opendata.wire.bridges import CrsBridge, UnitBridge
from opendata.wire.compatibility import judge
from opendata.wire.errors import InvalidInput, Rejected

FEW = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=20)


def column(values: Any, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def unit_bridge(stored: str, wanted: str) -> UnitBridge:
    line = straight_line(stored, wanted)
    factor, offset = (Fraction(text) for text in line) if line else (None, None)
    return UnitBridge(stored, wanted, factor, offset)


# --- units ---------------------------------------------------------------------------


@pytest.mark.requirement("S4-20", "S4-62")
@pytest.mark.parametrize(
    ("stored", "wanted", "value", "expected"),
    [
        ("1", "percent", 0.07, 7.0),
        ("percent", "1", 7.0, 0.07),
        ("degC", "degF", 100.0, 212.0),
        ("degF", "degC", 212.0, 100.0),
        ("K", "degC", 273.15, 0.0),
        ("km/h", "m/s", 36.0, 10.0),
        ("dB", "1", 20.0, 100.0),
    ],
)
def test_units_are_converted(stored: str, wanted: str, value: float, expected: float) -> None:
    converted = in_unit(column([value, None]), unit_bridge(stored, wanted))
    assert converted.to_pylist() == [pytest.approx(expected), None]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("percent", "1", ("0.01", "0")),
        ("degC", "degF", ("1.8", "32")),
        ("degF", "degC", ("5/9", "-160/9")),
        ("ft", "m", ("0.3048", "0")),
        ("dB", "1", None),
        ("kg", "m", None),
        ("nonsense", "1", None),
    ],
)
def test_a_straight_line_between_units_is_exact(
    old: str, new: str, line: tuple[str, str] | None
) -> None:
    assert straight_line(old, new) == line


@given(FEW, st.sampled_from([("1", "percent"), ("degF", "degC"), ("km/h", "m/s"), ("K", "degF")]))
def test_a_converted_bound_bounds_converted_values(
    values: list[float | None], units: tuple[str, str]
) -> None:
    bridge = unit_bridge(*units)
    numbers = [one for one in values if one is not None]
    if not numbers:
        return
    low, high = in_unit(column([min(numbers), max(numbers)]), bridge).to_pylist()
    assert all(low <= one <= high for one in in_unit(column(numbers), bridge).to_pylist())


def test_what_was_whole_is_whole_again_and_what_was_not_is_refused() -> None:
    metres = in_unit(column([0.001, 1.234, 8.0]), unit_bridge("km", "m"))
    assert in_type(metres, pa.int32(), "height").to_pylist() == [1, 1234, 8000]
    with pytest.raises(Rejected, match="height holds values that the reader's int32"):
        in_type(column([0.5]), pa.int32(), "height")
    with pytest.raises(Rejected, match="beyond its range"):
        in_type(column([1e300]), pa.float32(), "height")


@pytest.mark.parametrize(
    ("wide", "narrow", "value"),
    [
        (pa.int64(), pa.int32(), 5),
        (pa.float64(), pa.float32(), 0.5),
        (pa.timestamp("us", "UTC"), pa.timestamp("s", "UTC"), 3_000_000),
        (pa.decimal128(20, 2), pa.decimal128(9, 2), "1.25"),
        (pa.large_string(), pa.string(), "text"),
        (pa.list_(pa.int64()), pa.list_(pa.int32()), [1, 2]),
        (pa.date64(), pa.date32(), 86_400_000),
    ],
)
def test_widened_types_come_back(wide: pa.DataType, narrow: pa.DataType, value: Any) -> None:
    if pa.types.is_decimal(wide):
        values = column([value], pa.string()).cast(wide)
    else:
        values = column([value, None], wide)
    back = in_type(values, narrow, "x")
    assert back.type == narrow
    assert back.cast(wide).equals(values)


# --- libraries that are missing -----------------------------------------------------


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("pint", "in_unit(values, UnitBridge('dB', '1', None, None))"),
        ("pyproj", "reprojected(values, values, CrsBridge('EPSG:3857', 'EPSG:4326', 'x', 'y'))"),
    ],
)
def test_a_missing_library_says_what_to_install(library: str, call: str) -> None:
    code = f"""
import sys
sys.modules[{library!r}] = None
import pyarrow as pa
from opendata.reading.conversions import in_unit, reprojected
from opendata.wire.bridges import CrsBridge, UnitBridge
from opendata.wire.errors import InvalidInput
values = pa.chunked_array([pa.array([1.0])])
try:
    {call}
except InvalidInput as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "opendata[adapters]" in done.stdout


# --- coordinates ---------------------------------------------------------------------


@pytest.mark.requirement("S4-26", "S4-59")
def test_coordinates_come_in_the_system_that_the_reader_knows() -> None:
    x, y = column([1_492_143.2, None]), column([6_894_699.8, None])
    lon, lat = reprojected(x, y, CrsBridge("EPSG:3857", "EPSG:4326", "x", "y"))
    assert lon.to_pylist() == [pytest.approx(13.4042, abs=1e-3), None]
    assert lat.to_pylist() == [pytest.approx(52.5194, abs=1e-3), None]


def test_places_beyond_the_reader_s_system_are_refused_and_not_made_infinite() -> None:
    beyond = CrsBridge("EPSG:4326", "EPSG:3857", "x", "y")
    with pytest.raises(Rejected, match="1 place"):
        reprojected(column([10.0, 10.0]), column([50.0, 95.0]), beyond)


def test_a_decimal_keeps_its_digits_or_is_refused() -> None:
    kind = pa.decimal128(10, 2)
    assert in_type(column([1.23, None]), kind, "x").to_pylist() == [Decimal("1.23"), None]
    with pytest.raises(Rejected, match="more digits"):
        in_type(column([1.2345]), kind, "x")


def test_whole_numbers_beyond_the_digits_of_a_double_are_converted_all_the_same() -> None:
    large = column([2**53 + 1], pa.int64())
    assert in_unit(large, unit_bridge("metre", "kilometre")).to_pylist() == [2**53 / 1000]


def test_a_system_that_does_not_exist_is_bad_input() -> None:
    with pytest.raises(InvalidInput, match="nothing leads from EPSG:1 to EPSG:4326"):
        reprojected(column([1.0]), column([1.0]), CrsBridge("EPSG:1", "EPSG:4326", "x", "y"))


@pytest.fixture
def places(tmp_path: Path) -> History:
    """Places along a line, in degrees, then under other names in metres."""
    lon, lat = np.linspace(-170, 170, 90), np.linspace(-80, 80, 90)
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(lon, lat)
    history = History(tmp_path)
    for names, values, unit, code in (
        (("lon", "lat"), (lon, lat), "degree", "EPSG:4326"),
        (("x", "y"), (x, y), "m", "EPSG:3857"),
    ):
        former = zip(names, ("lon", "lat"), strict=True)
        fields = [
            {"name": name, "type": "float64", "unit": unit, "aliases": [old] if old != name else []}
            for name, old in former
        ]
        history.bench = history.bench.declared(
            time="day",
            release={"shard": "month"},
            contract={
                "primary_key": ["day"],
                "fields": [DAY, *fields],
                "crs": {"code": code, "x": names[0], "y": names[1]},
            },
        )
        columns = dict(zip(names, map(pa.array, values), strict=True))
        history.bench.release(pa.table({"day": days(90), **columns}))
    return history


@pytest.mark.requirement("S4-26", "S4-59")
def test_an_old_reader_asks_and_gets_in_its_own_coordinates(places: History) -> None:
    lon, lat = np.linspace(-170, 170, 90), np.linspace(-80, 80, 90)
    table = places.read("1.0")
    assert table.schema.names == ["day", "lon", "lat"]
    assert places.stats.adapters == ("fields_alias", "crs")
    assert table.column("lon").to_pylist() == pytest.approx(list(lon))
    assert table.column("lat").to_pylist() == pytest.approx(list(lat))
    north = places.read("1.0", columns=["lat"], filters=[("lat", ">", 60.0)])
    assert north.column("lat").to_pylist() == pytest.approx([one for one in lat if one > 60])
    corner = places.read("1.0", columns=["day"], filters=[("lon", ">", 0.0), ("lat", "<", 10.0)])
    assert corner.num_rows == sum(
        1 for one, two in zip(lon, lat, strict=True) if one > 0 > two - 10
    )


def test_a_column_beside_the_coordinates_is_read_without_them(places: History) -> None:
    assert places.read("1.0", columns=["day"]).num_rows == 90


# --- corrections to reference conditions ------------------------------------------------


def speed(temperature: str) -> dict[str, Any]:
    condition = {"temperature": temperature}
    corr_env = {"function": "c_air", "ref_cond": condition}
    return {"name": "c_ref", "type": "float64", "unit": "m/s", "corr_env": corr_env}


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """The speed of sound as of 20 degC, then the same air as of 0 degC. Nothing is registered."""
    monkeypatch.setattr(corrections, "_registered", {})
    history = History(tmp_path)
    history.release({"c_ref": pa.array([343.0] * 40)}, speed("20 degC"))
    history.release({"c_ref": pa.array([331.0] * 40)}, speed("0 degC"))
    return history


def c_air(values: Any, given: Any, wanted: Any) -> Any:
    """0.6 m/s per degree."""
    degrees = [float(one["temperature"].removesuffix(" degC")) for one in (given, wanted)]
    return values + 0.6 * (degrees[1] - degrees[0])


@pytest.mark.requirement("S4-20", "S4-62", "S4-83")
def test_a_reference_that_can_be_restored_moves_the_minor_and_is_restored(
    reference: History,
) -> None:
    manifest = reference.bench.current.manifest
    assert manifest.versioning.schema_version == "1.1.0"
    assert manifest.transforms == (
        {
            "kind": "corr_env",
            "field": "c_ref",
            "from": {"temperature": "20 degC"},
            "to": {"temperature": "0 degC"},
            "corr_env": "c_air",
        },
    )
    od.register_correction("c_air", c_air)
    assert reference.read("1.0").column("c_ref").to_pylist() == [343.0] * 40
    assert reference.stats.adapters == ("corr_env",)
    assert reference.read("1.0", filters=[("c_ref", ">", 342.0)]).num_rows == 40
    assert reference.read("1.1", filters=[("c_ref", ">", 342.0)]).num_rows == 0


def test_what_a_manifest_names_is_never_imported(reference: History) -> None:
    with pytest.raises(Rejected) as missing:
        reference.read("1.0")
    assert missing.value.code == "missing_correction"
    assert "od.register_correction('c_air'" in str(missing.value.hint)
    od.register_correction("c_aer", c_air)
    with pytest.raises(Rejected) as misspelt:
        reference.read("1.0")
    assert misspelt.value.hint == "did you mean 'c_aer'?"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda values, given, wanted: values / {}, "failed: TypeError"),
        (lambda values, given, wanted: values[:3], r"made \(3,\) of \(3[01],\) values|made"),
    ],
)
def test_a_correction_that_fails_is_told_in_a_sentence(
    reference: History, function: Any, message: str
) -> None:
    od.register_correction("c_air", function)
    with pytest.raises(Rejected, match=message) as failed:
        reference.read("1.0")
    assert failed.value.code == "failed_correction"


def test_only_what_can_be_called_is_registered() -> None:
    with pytest.raises(InvalidInput, match="cannot be called"):
        od.register_correction("c_air", "module:function")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no name of a correction"):
        od.register_correction("", c_air)


@pytest.mark.requirement("S4-83")
def test_a_reference_that_nothing_restores_is_a_major(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.release({"c_ref": pa.array([343.0])}, speed("20 degC"))
    plain = {"name": "c_ref", "type": "float64", "unit": "m/s"}
    history.release({"c_ref": pa.array([331.0])}, plain, version="2.0.0")
    with pytest.raises(Rejected, match="were restored by c_air, and nothing leads back"):
        history.read("1.0")


def test_the_key_is_named_where_it_changed(tmp_path: Path) -> None:
    history = History(tmp_path)
    fields = [{"name": "rate", "type": "float64"}, {"name": "place", "type": "string"}]
    columns = {"rate": pa.array([1.0]), "place": pa.array(["AT"])}
    history.release(columns, *fields)
    history.bench = history.bench.declared(
        time="day",
        release={"version": "2.0.0", "shard": "month"},
        contract={"primary_key": ["day", "place"], "fields": [DAY, *fields]},
    )
    history.bench.release(pa.table({"day": days(1), **columns}))
    with pytest.raises(Rejected, match=r"primary key changed from \(day\) to \(day, place\)"):
        history.read("1.0")


# --- arrival times -----------------------------------------------------------------------


@pytest.mark.requirement("S4-83")
def test_arrival_times_under_another_reference_are_restored_with_what_was_computed_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "_registered", {})
    names = ("ell", "n_eff", "c_ref", "T_arr_factored", "T_arr_general", "delta_form")
    fields = [
        {"name": "pid", "type": "string"}, *({"name": one, "type": "float64"} for one in names)
    ]  # fmt: skip
    history = History(tmp_path)
    for reference, speed_of_light in (("vacuum", 2.0), ("air", 1.0)):
        rule = {"kind": "arrivaltime_dualform", "tol_Tarr": 1e-6, "ref_cond": reference}
        history.bench = history.bench.declared(
            time="day",
            release={"shard": "month"},
            contract={
                "primary_key": ["day"],
                "fields": [DAY, *fields],
                "rules": [{**rule, "corr_env": "air_index"}],
            },
        )
        values = {"ell": 1.0, "n_eff": 1.0, "c_ref": speed_of_light, "delta_form": 0.0}
        values |= dict.fromkeys(("T_arr_factored", "T_arr_general"), 1 / speed_of_light)
        columns = {name: pa.array([values[name]]) for name in names}
        history.bench.release(pa.table({"day": days(1), "pid": pa.array(["p"]), **columns}))

    def air_index(values: Any, given: Any, wanted: Any) -> Any:
        assert (given["ref_cond"], wanted["ref_cond"]) == ("air", "vacuum")
        return values * 2 if given["quantity"] == "c_ref" else values / 2

    od.register_correction("air_index", air_index)
    row = history.read("1.0").to_pylist()[0]
    assert (row["c_ref"], row["T_arr_factored"], row["T_arr_general"]) == (2.0, 0.5, 0.5)
    assert (row["ell"], row["n_eff"], row["pid"]) == (1.0, 1.0, "p")
    assert history.stats.adapters == ("corr_env",)


@pytest.mark.requirement("S4-21")
def test_another_order_of_the_rows_is_told_and_needs_no_adapter(tmp_path: Path) -> None:
    history = History(tmp_path)
    for key in (["day", "place"], ["place", "day"]):
        history.bench = history.bench.declared(
            time="day",
            release={"shard": "month"},
            contract={"primary_key": key, "fields": [DAY, {"name": "place", "type": "string"}]},
        )
        history.bench.release(pa.table({"day": days(2), "place": pa.array(["b", "a"])}))
    verdict = judge(history.known_to("1.0"), history.bench.current.manifest)
    assert verdict.verdict == "compatible"
    assert verdict.reasons == ("rows are sorted by place, day, where they were by day, place",)
