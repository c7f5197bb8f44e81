"""Constraints on versions: what each spelling allows, and what is no constraint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.constraint import parse_constraint
from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version, parse_version

pytestmark = pytest.mark.requirement("S0-80", "S0-28")
numbers = st.integers(0, 4)
versions = st.builds(Version, numbers, numbers, numbers)


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("*", "0.0.1 9.9.9", ""),
        ("1.2.0", "1.2.0", "1.2.1 1.1.9"),
        ("v1.2.0", "1.2.0", "1.2.1"),
        ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("1", "1.0.0 1.9.9", "2.0.0"),
        ("1.2.*", "1.2.7", "1.3.0"),
        ("==1.2.*", "1.2.7", "1.3.0"),
        (">=1.2,<2", "1.2.0 1.9.9", "1.1.9 2.0.0"),
        (">= v1.2 , < 2", "1.2.0", "2.0.0"),
        ("~=1.2", "1.2.0 1.9.0", "2.0.0 1.1.0"),
        ("~=1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"),
        ("!=1.3.0", "1.2.0 1.3.1", "1.3.0"),
        (">1.2.0", "1.2.1", "1.2.0"),
    ],
)
def test_what_a_constraint_allows(text: str, allowed: str, refused: str) -> None:
    constraint = parse_constraint(text)
    assert all(constraint.allows(parse_version(one)) for one in allowed.split())
    assert not any(constraint.allows(parse_version(one)) for one in refused.split())


NO_CONSTRAINTS = (
    "", "latestish", ">=", "1.2.3.4", "1.2.0-rc1", "===1.2.0", "1.2 || 2", ">=1.2;<2", "1!2.0",
    "\uff11.2", ">=1.2,,<2",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_CONSTRAINTS)
def test_what_is_no_constraint_is_refused_with_the_spellings_that_are(text: str) -> None:
    with pytest.raises(InvalidInput, match="no constraint on versions: write") as refused:
        parse_constraint(text)
    assert refused.value.code == "invalid_version"


def test_a_caret_is_told_how_it_is_written_here() -> None:
    with pytest.raises(InvalidInput, match=r"write >=1\.2,<2"):
        parse_constraint("^1.2")


@given(low=versions, high=versions, there=st.lists(versions))
def test_the_newest_of_those_that_fit_is_chosen(
    low: Version, high: Version, there: list[Version]
) -> None:
    constraint = parse_constraint(f">={low},<{high}")
    fitting = [one for one in there if low <= one < high]
    assert constraint.newest(there) == max(fitting, default=None)
    for one in there:
        excluded_by = constraint.excluding(one)
        assert (excluded_by is None) == (one in fitting)
        if excluded_by:
            assert excluded_by == (f">={low}" if one < low else f"<{high}")


def test_the_nearest_is_near_to_what_was_asked_for() -> None:
    there = [parse_version(one) for one in ("1.0.0", "1.1.0", "2.0.0", "3.5.0")]
    assert str(parse_constraint(">=1.2,<2").nearest(there)) == "1.1.0"
    assert str(parse_constraint("==3.4.9").nearest(there)) == "3.5.0"
    assert parse_constraint("*").nearest([]) is None
