"""Which version a change gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.model import Contract
from dataplatform.errors import BreakingChange
from dataplatform.releases.compare import Comparison
from dataplatform.releases.number import Taken, next_numbers
from opendata.wire.errors import InvalidInput, Rejected
from opendata.wire.manifest import Versioning
from opendata.wire.version import FIRST_VERSION, Bump, Version, parse_version

pytestmark = pytest.mark.requirement("S4-4", "S4-7", "S4-15", "S4-16", "S4-39", "B3")

PLAIN = {"primary_key": ["day"], "fields": [{"name": "day", "type": "date32"}]}
WIDER = PLAIN | {"fields": [*PLAIN["fields"], {"name": "rate", "type": "float64"}]}  # type: ignore[misc]
OTHER = PLAIN | {"fields": [{"name": "day", "type": "string"}]}


def change(new: dict[str, Any] = PLAIN, **facts: Any) -> Comparison:
    old, later = Contract.model_validate(PLAIN), Contract.model_validate(new)
    return Comparison(first=False, schema=diff_schema(old, later), rows=None, **facts)


NOTHING = change(content_changed=False)
ABOUT = change(content_changed=False, about=("title",))
ROWS, COLUMN, BREAK = change(), change(WIDER), change(OTHER)
RESHARDED = change(partition=("month", "day"))


def numbers(
    what: Comparison,
    current: tuple[str, str] | None = ("1.2.3", "1.1.0"),
    declared: str | None = None,
    taken: tuple[str, ...] = (),
) -> tuple[str, str]:
    versioning = None
    if current is not None:
        versioning = Versioning(data_release=current[0], schema_version=current[1])
    version = parse_version(declared) if declared else None
    others = Taken(frozenset(parse_version(text) for text in taken))
    found = next_numbers(what, versioning, version, others)
    return str(found.data_release), str(found.schema_version)


@pytest.mark.parametrize(
    ("what", "release", "schema"),
    [
        (ROWS, "1.2.4", "1.1.0"),
        (ABOUT, "1.2.4", "1.1.0"),
        (COLUMN, "1.3.0", "1.2.0"),
        (NOTHING, "1.2.3", "1.1.0"),
    ],
)
def test_the_change_says_how_far_each_version_moves(
    what: Comparison, release: str, schema: str
) -> None:
    assert numbers(what) == (release, schema)


@pytest.mark.parametrize("what", [BREAK, RESHARDED])
def test_a_breaking_change_needs_the_next_major_declared(what: Comparison) -> None:
    assert what.breaking
    for declared in (None, "1.2.4", "1.3.0", "3.0.0", "1.2.3", "1.0.0"):
        with pytest.raises(BreakingChange, match=r"breaks readers of 1\.2\.3") as refused:
            numbers(what, declared=declared)
        assert '"2.0.0"' in (refused.value.hint or "")
    assert numbers(what, declared="2.0.0") == ("2.0.0", "2.0.0")


def test_more_may_be_declared_than_is_needed_and_never_less() -> None:
    assert numbers(ROWS, declared="1.3.0") == ("1.3.0", "1.1.0")
    assert numbers(ROWS, declared="2.0.0") == ("2.0.0", "1.1.0")
    for declared in ("1.2.5", "1.4.0", "3.0.0", "1.3.1"):
        with pytest.raises(Rejected) as refused:
            numbers(ROWS, declared=declared)
        assert refused.value.code == "wrong_version"
    with pytest.raises(Rejected):
        numbers(COLUMN, declared="1.2.4")


@pytest.mark.parametrize("declared", ["1.2.3", "1.2.2", "1.0.0", "0.9.0"])
def test_a_declaration_that_was_reached_before_means_nothing_more(declared: str) -> None:
    assert numbers(ROWS, declared=declared) == ("1.2.4", "1.1.0")


def test_the_first_release_has_the_first_number() -> None:
    first = Comparison(True, ROWS.schema, None)
    assert numbers(first, None) == ("1.0.0", "1.0.0")
    assert numbers(first, None, declared="1.0.0") == ("1.0.0", "1.0.0")
    assert numbers(first, None, taken=("1.0.0", "1.0.1")) == ("1.0.2", "1.0.0")
    with pytest.raises(Rejected, match="first release"):
        numbers(first, None, declared="2.0.0")


def test_a_taken_number_is_passed_over() -> None:
    assert numbers(ROWS, taken=("1.2.4", "1.2.5"))[0] == "1.2.6"
    assert numbers(COLUMN, taken=("1.3.0",))[0] == "1.3.1"
    assert numbers(BREAK, declared="2.0.0", taken=("2.0.0",))[0] == "2.0.1"


CHANGES = st.sampled_from([ROWS, ABOUT, COLUMN])
SMALL = st.builds(Version, st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))


@given(CHANGES, SMALL, st.sets(SMALL, max_size=8))
def test_the_number_is_new_later_and_far_enough(
    what: Comparison, current: Version, taken: set[Version]
) -> None:
    versioning = Versioning(data_release=str(current), schema_version=str(FIRST_VERSION))
    found = next_numbers(what, versioning, None, Taken(frozenset(taken))).data_release
    assert found > current
    assert found not in taken
    assert found >= current.bumped(what.data_bump)
    assert found.major == current.major
    assert what.data_bump is not Bump.NONE


@pytest.mark.parametrize(
    ("what", "declared", "outcome"),
    [
        (ROWS, "1.2.4", "1.2.4"),
        (ROWS, "v1.2.4", "1.2.4"),
        (ROWS, "1.3.0", "1.3.0"),
        (COLUMN, "1.3.0", "1.3.0"),
        (COLUMN, "2.0.0", "2.0.0"),
        (BREAK, "v2.0.0", "2.0.0"),
        (RESHARDED, "2.0.0", "2.0.0"),
        (ROWS, "1.2.2", "1.2.4"),  # reached before: it still stands in the YAML
        (ROWS, "1.2.5", "the next release is 1.2.4"),  # skips
        (ROWS, "1.3.1", "the next release is 1.2.4"),
        (ROWS, "3.0.0", "the next release is 1.2.4"),
        (COLUMN, "1.2.4", "the next release is 1.3.0"),  # a patch is too little
        (COLUMN, "1.4.0", "the next release is 1.3.0"),
        (COLUMN, "1.3.1", "the next release is 1.3.0"),
        (BREAK, "1.3.0", "breaks readers of 1.2.3"),
        (BREAK, "3.0.0", "breaks readers of 1.2.3"),
        (BREAK, None, "breaks readers of 1.2.3"),
        (RESHARDED, "1.3.0", "old paths no longer resolve"),
    ],
)
def test_a_declared_version_is_the_right_one_or_is_told_the_right_one(
    what: Comparison, declared: str | None, outcome: str
) -> None:
    if outcome.count(".") == 2 and " " not in outcome:
        assert numbers(what, declared=declared)[0] == outcome
        return
    with pytest.raises(Rejected) as refused:
        numbers(what, declared=declared)
    assert outcome in refused.value.message
    right = str(Version(1, 2, 3).bumped(what.data_bump))
    assert refused.value.details["required"] == right
    assert right in (refused.value.hint or "")


def test_a_refusal_says_what_asks_for_the_step() -> None:
    with pytest.raises(Rejected, match=r"this is a minor step \(rate is new\)"):
        numbers(COLUMN, declared="1.2.4")
    with pytest.raises(Rejected, match=r"1\.2\.3, and this is a patch step"):
        numbers(ROWS, declared="1.2.5")


@pytest.mark.parametrize("text", ["1.2", "1.2.3.4", "1.2.3-rc1", "1.2.03", "-1.2.3", "one", ""])
def test_what_is_no_version_is_told_so(text: str) -> None:
    with pytest.raises(InvalidInput, match="write three numbers such as"):
        parse_version(text)


def test_a_schema_version_that_names_another_schema_is_passed_over() -> None:
    versioning = Versioning(data_release="1.0.0", schema_version="1.0.0")
    taken = Taken(schemas=frozenset({Version(1, 1, 0)}))
    found = next_numbers(COLUMN, versioning, None, taken)
    assert (str(found.data_release), str(found.schema_version)) == ("1.1.0", "1.1.1")
    unchanged = next_numbers(ROWS, versioning, None, taken)
    assert str(unchanged.schema_version) == "1.0.0"
