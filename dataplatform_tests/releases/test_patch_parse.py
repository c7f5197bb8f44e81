"""Reading patches: YAML and JSON with the place of every mistake."""

from __future__ import annotations

import json

import pytest

from dataplatform.errors import InvalidPatch
from dataplatform.releases.patching.ops import AddField, DeleteRecord, Reindex, UpsertRecord
from dataplatform.releases.patching.parse import parse_patch, read_patch
from opendata.wire.errors import InvalidInput

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-87")]

TEXT = """\
base: 1.2.0
notes: "Corrects two yields that the source revised"
ops:
  - {op: UPSERT_RECORD, pk: {date: 2024-03-01}, values: {y10: 4.19}}
  - {op: DELETE_RECORD, pk: {date: 2024-03-02}}
  - {op: ADD_FIELD, name: y30, type: float64, nullable: true}
  - {op: REINDEX, keys: [country]}
"""


@pytest.mark.requirement("S4-32", "S4-35", "S4-36", "S4-37")
def test_a_patch_is_a_list_of_operations() -> None:
    patch = parse_patch(TEXT, "patch.yaml")
    assert patch.ops == (
        UpsertRecord(pk={"date": "2024-03-01"}, values={"y10": 4.19}),
        DeleteRecord(pk={"date": "2024-03-02"}),
        AddField(name="y30", type="float64", nullable=True),
        Reindex(keys=(("country",),)),
    )
    assert (patch.head.base, patch.head.notes is None) == ("1.2.0", False)


def test_json_is_read_by_its_own_rules() -> None:
    ops = [{"op": "UPSERT_RECORD", "pk": {"id": 12_345}, "values": {"small": 1e-07}}]
    text = json.dumps({"ops": ops})
    assert "1e-07" in text
    assert parse_patch(text, "patch.json").ops == read_patch(ops).ops


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("ops: [{op: UPSERT, pk: 1}]", "p.yaml:1:12: 'UPSERT' is no operation"),
        ("ops:\n  - {name: x}", "p.yaml:2:5: `op` is missing"),
        ("ops:\n  - {op: DROP_FIELD, nam: x}", "p.yaml:2:22: unknown key `nam`"),
        ("ops:\n  - {op: DROP_FIELD}", "p.yaml:2:5: `name` is missing"),
        ("ops: []", "p.yaml:1:6: this list is empty"),
        ("opps: []", "p.yaml:1:1: unknown key `opps`"),
        ("base: 1.2\nops: [{op: REINDEX, keys: []}]", "p.yaml:1:7: 1.2 is a number in YAML"),
        ("- op: REINDEX", "p.yaml:1:1: a patch is a mapping with a list of `ops`"),
        ("ops:\n  - {op: DELETE_RECORD, pk: no}", "p.yaml:2:29: no is a boolean to some"),
        ("ops:\n  - {op: DELETE_RECORD, pk: 1, file: a.csv}", "pk and file exclude each other"),
        ("ops: [", "p.yaml:2:1: did not find expected node content"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, finding: str) -> None:
    with pytest.raises(InvalidPatch) as refused:
        parse_patch(text, "p.yaml")
    assert finding in refused.value.message
    assert refused.value.code == "invalid_patch"


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    with pytest.raises(InvalidPatch) as refused:
        parse_patch("ops:\n  - {op: X}\n  - {op: Y}\n", "p.yaml")
    assert [finding.line for finding in refused.value.findings] == [2, 3]


@pytest.mark.parametrize("value", [None, {}, "ops", {"ops": "x"}, [], [1], {"ops": [], "op": 1}])
def test_plain_values_that_are_no_patch_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_patch(value)
    assert refused.value.code == "invalid_patch"
