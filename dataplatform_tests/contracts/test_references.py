"""The rule `referential` by itself, and which releases a range means."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform.contracts.model import Contract, ReferentialRule
from dataplatform.contracts.referential import PinnedTable
from dataplatform.contracts.release_range import parse_range
from dataplatform.contracts.shard_facts import facts_digest
from opendata.wire.errors import NotFound
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-43")
AIRLINES = {"dataset": "ns/airlines", "fields": ["code"]}


def contract(**stated: Any) -> Contract:
    rule = {"kind": "referential", "field": "carrier", "references": AIRLINES, **stated}
    return Contract.model_validate({"rules": [rule]})


@pytest.mark.parametrize(
    ("text", "within", "without"),
    [
        ("1.2.0", ["1.2.0"], ["1.2.1", "1.1.0"]),
        ("v1.2.0", ["1.2.0"], ["1.2.1"]),
        ("==1.2", ["1.2.0"], ["1.2.1"]),
        (">=1.0", ["1.0.0", "1.0.1", "2.0.0"], ["0.9.9"]),
        (">=1.2,<2", ["1.2.0", "1.9.9"], ["1.1.9", "2.0.0"]),
        ("> 1.2.3, <= 1.4", ["1.2.4", "1.4.0"], ["1.2.3", "1.4.1"]),
    ],
)
def test_a_range_of_releases(text: str, within: list[str], without: list[str]) -> None:
    asked = parse_range(text)
    assert all(parse_version(version) in asked for version in within)
    assert not any(parse_version(version) in asked for version in without)
    assert parse_range(str(asked)) == asked
    assert (asked.exact is None) is (len(within) > 1)


@pytest.mark.parametrize("text", ["", "1", "1.0", "latest", "~1.0", ">=1.0,", "1.2.3.4", ">=x"])
def test_anything_else_names_no_release(text: str) -> None:
    with pytest.raises(ValueError, match="names no release"):
        parse_range(text)


def test_a_rule_says_what_it_looks_up_and_where() -> None:
    [rule] = contract(references={**AIRLINES, "release": ">=1.0"}).rules
    assert isinstance(rule, ReferentialRule)
    assert rule.label == "referential(carrier → ns/airlines)"
    assert rule.concerned == ("carrier",)
    assert rule.references.release == ">=1.0.0"


@pytest.mark.parametrize(
    ("stated", "place", "told"),
    [
        (
            {"references": {**AIRLINES, "dataset": "airlines"}},
            ("references", "dataset"),
            "no data set",
        ),
        ({"references": {**AIRLINES, "release": "new"}}, ("references", "release"), "no release"),
        ({"references": {**AIRLINES, "fields": ["a", "b"]}}, (), "1 fields cannot refer to 2"),
        ({"nulls": "maybe"}, ("nulls",), "'ignore' or 'fail'"),
    ],
)
def test_a_mistake_is_told_at_its_place(
    stated: dict[str, Any], place: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        contract(**stated)
    [problem] = refused.value.errors()
    assert problem["loc"] == ("rules", 0, "referential", *place)
    assert told in problem["msg"]


def test_facts_count_only_for_the_release_that_was_looked_up_in() -> None:
    made = contract()
    [rule] = made.rules
    assert isinstance(rule, ReferentialRule)
    pins = [PinnedTable("ns/airlines", "1.0.0", digest * 32, ()) for digest in ("aa", "bb")]
    one, other = (facts_digest(made, {rule.references: pin}) for pin in pins)
    assert len({one, other, made.digest}) == 3
    assert facts_digest(made, {rule.references: NotFound("gone")}) == made.digest
