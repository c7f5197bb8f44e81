"""Units that pint cannot read: nothing is the same as they are, and nothing leads to them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataplatform.adapters.units.pint import PintUnits
from opendata.wire.errors import InvalidInput

UNITS = PintUnits()


@pytest.mark.parametrize("text", ["m/0", "{", "%", "'", "m**", "()", "((", "flurb", "m**1e999"])
def test_a_unit_that_cannot_be_read_is_like_no_other(text: str) -> None:
    for pair in ((text, "m"), ("m", text)):
        assert not UNITS.same_dimension(*pair)
        assert UNITS.straight_line(*pair) is None
        assert not UNITS.has_dimension(*pair)
        with pytest.raises(InvalidInput, match="nothing converts"):
            UNITS.convert(pa.array([1.0]), *pair)


def test_units_that_can_be_read_are_told_by_their_dimension() -> None:
    assert UNITS.same_dimension("km", "mile")
    assert UNITS.straight_line("km", "m") == ("1000", "0")
    assert UNITS.has_dimension("km / h", "[length] / [time]")
