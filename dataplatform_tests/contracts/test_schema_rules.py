"""Every rule of the version semantics as a table: the change, its class, its reason, its adapter.

The classes are the document's own: additive, conditional (with an adapter), breaking, and data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from dataplatform.adapters.crs.pyproj import ProjSystems
from dataplatform.adapters.units.pint import same_dimension
from dataplatform.contracts.evolve import SchemaDiff, diff_schema
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump

ID = {"name": "id", "type": "int32", "nullable": False}
DAY = {"name": "day", "type": "date32", "nullable": False}
HEIGHT = {"name": "height", "type": "float64", "unit": "metre"}
LON, LAT = ({"name": name, "type": "float64", "unit": "degree"} for name in ("lon", "lat"))
PLACE = {"code": "EPSG:4326", "x": "lon", "y": "lat"}


class Case(NamedTuple):
    """A change and what it means; `reason` is a part of the sentence."""

    what: str
    old: dict[str, Any]
    new: dict[str, Any]
    bump: Bump
    reason: str | None = None
    adapter: str | None = None


def of(*fields: dict[str, Any], key: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"primary_key": list(key), "fields": list(fields), **more}


def points(code: str | None = "EPSG:4326", x: str = "lon", y: str = "lat") -> dict[str, Any]:
    crs = {"crs": {"code": code, "x": x, "y": y}} if code else {}
    return of(ID, LON, LAT, **crs)


ADDITIVE = [
    Case("a new optional field", of(ID), of(ID, HEIGHT), Bump.MINOR),
    Case(
        "a new required field with a default",
        of(ID),
        of(ID, {**HEIGHT, "nullable": False, "default": 0}),
        Bump.MINOR,
    ),
    Case("a wider type", of(ID), of({**ID, "type": "int64"}), Bump.MINOR),
    Case("a key where there was none", of(ID), of(ID, key=("id",)), Bump.MINOR),
    Case("a promise of a value", of(HEIGHT), of({**HEIGHT, "nullable": False}), Bump.MINOR),
]
IGNORABLE = [
    Case("a description", of(ID), of({**ID, "description": "a number"}), Bump.PATCH),
    Case("another alias", of(ID), of({**ID, "aliases": ["number"]}), Bump.PATCH),
    Case("columns in another order", of(ID, HEIGHT), of(HEIGHT, ID), Bump.PATCH),
    Case(
        "a rule",
        of(HEIGHT),
        of(HEIGHT, rules=[{"kind": "range", "field": "height", "min": 0}]),
        Bump.PATCH,
    ),
    Case(
        "a unit where there was none",
        of({**HEIGHT, "unit": None}),
        of(HEIGHT),
        Bump.PATCH,
    ),
    Case("a reference system where there was none", points(None), points(), Bump.PATCH),
]
CONDITIONAL = [
    Case(
        "another unit of the same quantity",
        of(HEIGHT),
        of({**HEIGHT, "unit": "foot"}),
        Bump.MINOR,
        adapter="unit_converters",
    ),
    Case(
        "a unit that is a share of another",
        of({**HEIGHT, "unit": "percent"}),
        of({**HEIGHT, "unit": "dimensionless"}),
        Bump.MINOR,
        adapter="unit_converters",
    ),
    Case(
        "the key's fields in another order",
        of(ID, DAY, key=("id", "day")),
        of(ID, DAY, key=("day", "id")),
        Bump.MINOR,
        adapter="transforms",
    ),
    Case(
        "a field dropped, its name an alias of another",
        of(ID, HEIGHT),
        of(ID, {**HEIGHT, "name": "elevation", "aliases": ["height"]}),
        Bump.MINOR,
        adapter="fields_alias",
    ),
    Case(
        "a reference system that reprojects",
        points(),
        points("EPSG:3857"),
        Bump.MINOR,
        adapter="transforms",
    ),
]
BREAKING = [
    Case(
        "another field in the key",
        of(ID, DAY, key=("id",)),
        of(ID, DAY, key=("id", "day")),
        Bump.MAJOR,
        "the primary key changed from (id) to (id, day)",
    ),
    Case(
        "the key given up",
        of(ID, key=("id",)),
        of(ID),
        Bump.MAJOR,
        "the primary key changed from (id) to none",
    ),
    Case(
        "numbers that become text",
        of(ID),
        of({**ID, "type": "string"}),
        Bump.MAJOR,
        "from int32 to string, which does not hold every former value",
    ),
    Case(
        "a narrower type",
        of({**ID, "type": "int64"}),
        of(ID),
        Bump.MAJOR,
        "from int64 to int32",
    ),
    Case(
        "a field dropped",
        of(ID, HEIGHT),
        of(ID),
        Bump.MAJOR,
        "'height' was dropped and no field has it as an alias",
    ),
    Case(
        "a new required field",
        of(ID),
        of(ID, {**HEIGHT, "nullable": False}),
        Bump.MAJOR,
        "'height' is new and required",
    ),
    Case(
        "a unit of another quantity",
        of(HEIGHT),
        of({**HEIGHT, "unit": "second"}),
        Bump.MAJOR,
        "from metre to second, and nothing converts between them",
    ),
    Case(
        "an alias withdrawn",
        of({**HEIGHT, "aliases": ["elevation"]}),
        of(HEIGHT),
        Bump.MAJOR,
        "'height' no longer answers to 'elevation'",
    ),
    Case(
        "a reference system that nothing reprojects",
        points(),
        points("EPSG:5703"),
        Bump.MAJOR,
        "from EPSG:4326 to EPSG:5703, and nothing reprojects between them",
    ),
    Case(
        "a reference system that nobody knows",
        points(),
        points("EPSG:1"),
        Bump.MAJOR,
        "from EPSG:4326 to EPSG:1, and nothing reprojects between them",
    ),
    Case(
        "the reference system withdrawn",
        points(),
        points(None),
        Bump.MAJOR,
        "the reference system EPSG:4326 of the coordinates was withdrawn",
    ),
    Case(
        "coordinates in each other's columns",
        points(),
        points(x="lat", y="lon"),
        Bump.MAJOR,
        "the coordinates were in lon, lat and are in lat, lon now",
    ),
]


def judged(old: dict[str, Any], new: dict[str, Any]) -> SchemaDiff:
    return diff_schema(
        Contract.model_validate(old),
        Contract.model_validate(new),
        same_dimension=same_dimension,
        can_reproject=ProjSystems().can_reproject,
    )


def named(case: Case) -> str:
    return case.what


@pytest.mark.requirement("S4-13", "S4-15", "S4-17")
@pytest.mark.parametrize("case", ADDITIVE, ids=named)
def test_what_adds_is_a_minor_step(case: Case) -> None:
    found = judged(case.old, case.new)
    assert (found.bump, found.reasons) == (case.bump, ())
    assert {change.adapter for change in found.changes} == {None}


@pytest.mark.requirement("S4-13", "S4-15")
@pytest.mark.parametrize("case", IGNORABLE, ids=named)
def test_what_readers_may_ignore_is_a_patch(case: Case) -> None:
    found = judged(case.old, case.new)
    assert (found.bump, found.reasons) == (Bump.PATCH, ())


@pytest.mark.requirement("S4-20", "S4-21", "S4-24", "S4-26", "B39")
@pytest.mark.parametrize("case", CONDITIONAL, ids=named)
def test_what_an_adapter_makes_good_is_a_minor_step_and_names_it(case: Case) -> None:
    found = judged(case.old, case.new)
    assert (found.bump, found.reasons) == (Bump.MINOR, ())
    assert case.adapter in {change.adapter for change in found.changes}


@pytest.mark.requirement("S4-22", "S4-23", "S4-24", "S4-26")
@pytest.mark.parametrize("case", BREAKING, ids=named)
def test_what_breaks_readers_says_why(case: Case) -> None:
    found = judged(case.old, case.new)
    assert found.bump is Bump.MAJOR
    [reason] = found.reasons
    assert case.reason is not None and case.reason in reason


@pytest.mark.requirement("S4-13")
@pytest.mark.parametrize("case", [*ADDITIVE, *IGNORABLE, *CONDITIONAL], ids=named)
def test_a_change_beside_a_breaking_one_does_not_hide_it(case: Case) -> None:
    lost = {"name": "lost", "type": "string"}
    before = {**case.old, "fields": [*case.old["fields"], lost]}
    found = judged(before, case.new)
    assert found.breaking
    assert found.reasons == ("'lost' was dropped and no field has it as an alias",)


@pytest.mark.requirement("S4-26")
def test_coordinates_take_the_unit_of_their_reference_system() -> None:
    """Degrees become metres where the system does, and nowhere else."""
    metres = [{**field, "unit": "metre"} for field in (LON, LAT)]
    projected = of(ID, *metres, crs={**PLACE, "code": "EPSG:3857"})
    found = judged(points(), projected)
    assert found.bump is Bump.MINOR
    assert [(c.field, c.adapter) for c in found.unit_change] == [
        ("lon", "transforms"),
        ("lat", "transforms"),
    ]
    assert judged(points(), of(ID, *metres, crs=PLACE)).breaking


@pytest.mark.requirement("S4-26", "B39")
def test_renamed_coordinates_are_still_the_coordinates() -> None:
    east = {**LON, "name": "east", "aliases": ["lon"]}
    found = judged(points(), of(ID, east, LAT, crs={**PLACE, "x": "east"}))
    assert found.bump is Bump.MINOR
    assert found.renames == {"lon": "east"}


@pytest.mark.requirement("S4-26")
def test_without_geodesy_every_other_reference_system_breaks() -> None:
    one, other = (Contract.model_validate(points(code)) for code in ("EPSG:4326", "EPSG:3857"))
    assert diff_schema(one, other).breaking


@pytest.mark.requirement("S4-26")
@pytest.mark.parametrize(
    ("crs", "problem"),
    [
        ({**PLACE, "code": "WGS84"}, "write EPSG:4326"),
        ({**PLACE, "x": "long"}, "did you mean 'lon'"),
        ({**PLACE, "x": "name"}, "a coordinate is a number; 'name' is string"),
        ({**PLACE, "y": "lon"}, "'lon' is the x coordinate already"),
    ],
)
def test_a_reference_system_that_cannot_be_meant_is_refused(
    crs: dict[str, str], problem: str
) -> None:
    fields = [ID, LON, LAT, {"name": "name", "type": "string"}]
    with pytest.raises(ValueError, match=problem):
        Contract.model_validate({"fields": fields, "crs": crs})


SAMPLES = ("pid", "n_eff", "c_ref", "T_arr_factored", "T_arr_general", "delta_form")


def arriving(place: str = "ell", aliases: tuple[str, ...] = (), **rule: Any) -> Contract:
    """Arrival times along a path whose parameter is in the column `place`."""
    fields = [{"name": name, "type": "float64"} for name in SAMPLES]
    fields.append({"name": place, "type": "float64", "aliases": list(aliases)})
    stated = {"kind": "arrivaltime_dualform", "ell": place, "tol_Tarr": 1e-6, **rule}
    return Contract.model_validate({"fields": fields, "rules": [stated]})


@pytest.mark.requirement("S4-83", "S4-84", "S4-27")
@pytest.mark.parametrize(
    ("old", "new", "bump", "reason"),
    [
        (arriving(path="ray"), arriving(path="chord"), Bump.MAJOR, "definition of path"),
        (arriving(measure="ds"), arriving(measure="dz"), Bump.MAJOR, "definition of measure"),
        (arriving(measure="ds"), arriving(), Bump.MAJOR, "definition of measure"),
        (arriving("ell"), arriving("s"), Bump.MAJOR, "'ell' was dropped"),
        (arriving("ell"), arriving("s", ("ell",)), Bump.MINOR, None),
        (arriving(), arriving(path="ray"), Bump.PATCH, None),
        (arriving(), arriving(tol_Tarr=1e-9), Bump.PATCH, None),
        (arriving(), arriving(ref_cond="20 C"), Bump.PATCH, None),
        (arriving(ref_cond="20 C"), arriving(ref_cond="15 C"), Bump.MAJOR, "no corr_env leads"),
        (
            arriving(ref_cond="20 C"),
            arriving(ref_cond="15 C", corr_env="to 20 C"),
            Bump.MINOR,
            None,
        ),
    ],
)
def test_arrival_times_along_another_path_are_other_quantities(
    old: Contract, new: Contract, bump: Bump, reason: str | None
) -> None:
    found = diff_schema(old, new)
    assert found.bump is bump
    assert bool(found.reasons) == (reason is not None)
    assert reason is None or any(reason in one for one in found.reasons)
