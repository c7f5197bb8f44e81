"""What pint's registry says of units, through the port."""

from __future__ import annotations

import pytest

from dataplatform.adapters.units.measures import PintMeasures

MEASURES = PintMeasures()
UNREADABLE = ("m/0", "{", "'", "m**", "()", "((", "m ** 1e999")


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("m/s", {"[length]": 1, "[time]": -1}),
        ("[length] / [time]", {"[length]": 1, "[time]": -1}),
        ("[speed]", {"[length]": 1, "[time]": -1}),
        ("percent", {}),
        ("degC", {"[temperature]": 1}),
        ("km ** 0.5", {"[length]": 0.5}),
    ],
)
def test_a_unit_or_a_dimension_by_name(text: str, dimension: dict[str, float]) -> None:
    assert MEASURES.dimension(text) == dimension


@pytest.mark.parametrize(
    "text", ["flurb", "[flurb]", "m /", "3 apples", "[length", "m ** s", *UNREADABLE]
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no unit"):
        MEASURES.dimension(text)


@pytest.mark.parametrize(
    ("unit", "into", "factor"),
    [("km", "m", 1000), ("(km) / (m/s)", "s", 1000), ("mile / hour", "m/s", 0.44704)],
)
def test_figures_convert_by_a_factor(unit: str, into: str, factor: float) -> None:
    assert MEASURES.factor(unit, into) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "into"),
    [
        ("m", "s"),
        ("degC", "kelvin"),
        ("flurb", "m"),
        ("%", "m"),
        *((one, "m") for one in UNREADABLE),
    ],
)
def test_where_no_factor_leads_over_it_is_refused(unit: str, into: str) -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        MEASURES.factor(unit, into)
