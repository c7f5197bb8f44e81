"""Which tolerances are granted, and the largest that a decimal's digits hold."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataplatform.adapters.row_diff.tolerance import within
from opendata.wire.errors import InvalidInput

FIGURE, WHOLE = pa.float64(), pa.decimal128(38, 0)


@pytest.mark.parametrize("kind", [FIGURE, WHOLE])
@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -float("inf"), -0.1])
def test_a_tolerance_is_a_finite_number_of_at_least_0(kind: pa.DataType, tolerance: float) -> None:
    with pytest.raises(InvalidInput, match="is no tolerance"):
        within(tolerance, ("a", kind), ("b", kind))


def test_a_tolerance_beyond_all_digits_is_cut_to_the_most_that_they_hold() -> None:
    assert f"CAST('{'9' * 38}' AS DECIMAL(38, 0))" in within(1e300, ("a", WHOLE), ("b", WHOLE))
    cents = pa.decimal128(38, 2)
    assert f"CAST('{'9' * 36}.99' AS" in within(1e300, ("a", cents), ("b", cents))
