"""Rows in quarantine as people meet them: told at a push, shown afterwards, saved to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata
from dataplatform_tests.cli.shell import fill_in, od
from opendata import releases

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-43", "S4-42"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.filterwarnings("ignore:no store is in reach:UserWarning"),
    pytest.mark.usefixtures("project"),
]
ROWS = pa.table({"n": list(range(100)), "rate": [-1.0 if n == 7 else 1.0 for n in range(100)]})
RANGE = {"kind": "range", "field": "rate", "min": 0}


def push(**rule: Any) -> Any:
    return opendata.push(ROWS, "me/rates", license="CC0-1.0", contract={"rules": [RANGE | rule]})


def test_a_push_goes_on_without_the_rows_and_they_can_be_seen() -> None:
    with pytest.warns(UserWarning, match=r"1 row in quarantine \(range\(rate\): 1\)"):
        assert push(action="quarantine").row_count == 99
    dataset = opendata.dataset("me/rates")
    assert dataset.quarantined_rows == 1
    assert dataset.quarantine.to_pylist() == [
        {"n": 7, "rate": -1.0, "#rule": "range(rate)", "#reason": "rate not at least 0"}
    ]
    assert dataset.info["quarantine"] == {"rows": 1, "rules": {"range(rate)": 1}}
    assert "1 row (range(rate): 1)" in od("info", "me/rates").out
    shown = od("quarantine", "me/rates")
    assert shown.code == 0
    assert "rate not at least 0" in shown.out
    told = od("quarantine", "me/rates", "--json").json
    assert (told["rows"], told["rules"]) == (1, {"range(rate)": 1})
    assert told["first"] == [[7, -1.0, "range(rate)", "rate not at least 0"]]


def test_all_of_them_can_be_saved(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="in quarantine"):
        push(action="quarantine")
    assert od("quarantine", "me/rates", "-o", "aside.parquet").code == 0
    assert pq.read_table(tmp_path / "aside.parquet").column("n").to_pylist() == [7]
    assert od("quarantine", "me/rates", "-o", "aside.xyz").code == 2


def test_a_release_without_any_says_so() -> None:
    push(min=-5)
    assert "me/rates@1.0.0 has no row in quarantine" in od("quarantine", "me/rates").out
    assert od("quarantine", "me/rates", "--json").json == {"id": "me/rates@1.0.0", "rows": 0}
    empty = opendata.dataset("me/rates").quarantine
    assert (empty.num_rows, empty.column_names) == (0, ["n", "rate", "#rule", "#reason"])
    assert "quarantine" not in od("info", "me/rates").out


def test_a_rehearsal_tells_what_would_be_taken_out(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "rows.parquet")
    assert od("init", "me/rates", "--from", "rows.parquet").code == 0
    folder = Path("producers/me/rates")
    fill_in(folder)
    path = folder / "opendata.yaml"
    rule = "    - {kind: range, field: rate, min: 0, action: quarantine}\n"
    path.write_text(path.read_text().replace("  fields:\n", f"  rules:\n{rule}  fields:\n", 1))
    assert od("check", "me/rates").code == 0
    answer = od("run", "me/rates", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["quarantine"] == {"range(rate)": 1}
    assert "1 row in quarantine" in answer.err


def test_an_annotation_never_blocks_unless_one_is_strict() -> None:
    assert push(action="annotate_only").row_count == 100
    assert releases.validate_dataset("me/rates").passed
    releases.assert_contract("me/rates")
    strict = releases.validate_dataset("me/rates", strict=True)
    assert [finding.rule for finding in strict.failures] == ["range(rate)"]


def test_a_published_release_is_judged_again_with_what_it_was_judged_by() -> None:
    opendata.push(pa.table({"code": ["a"]}), "me/codes", license="CC0-1.0")
    references = {"dataset": "me/codes", "fields": ["code"]}
    rule = {"kind": "referential", "field": "code", "references": references}
    rows = pa.table({"code": ["a", "a", "x"]})
    with pytest.warns(UserWarning, match="in quarantine"):
        opendata.push(
            rows,
            "me/uses",
            license="CC0-1.0",
            contract={"rules": [rule | {"action": "quarantine", "quarantine_max": 1}]},
        )
    opendata.push(pa.table({"code": ["b"]}), "me/codes", license="CC0-1.0")
    report = releases.validate_dataset("me/uses")
    assert report.passed
    [finding] = [f for f in report.findings if f.rule == "referential(code → me/codes)"]
    assert finding.quarantined == 1
    assert finding.reference["release"] == "1.0.0"
    with pytest.raises(opendata.Rejected, match="quarantine takes at most 1"):
        opendata.push(pa.table({"code": ["x", "y"]}), "me/uses")


def test_a_patch_looks_up_as_a_build_does_and_is_refused_where_it_breaks_a_rule() -> None:
    opendata.push(pa.table({"code": ["a", "b"]}), "me/codes", license="CC0-1.0")
    references = {"dataset": "me/codes", "fields": ["code"]}
    rule = {"kind": "referential", "field": "code", "references": references}
    opendata.push(
        pa.table({"n": [1, 2], "code": ["a", "a"]}),
        "me/uses",
        license="CC0-1.0",
        contract={"primary_key": ["n"], "rules": [rule | {"action": "quarantine"}]},
    )

    def patch(code: str) -> list[dict[str, Any]]:
        return [{"op": "UPSERT_RECORD", "pk": {"n": 2}, "values": {"code": code}}]

    with pytest.raises(opendata.Rejected, match="without a row in me/codes"):
        releases.patch_dataset("me/uses", patch("x"))
    releases.patch_dataset("me/uses", patch("b"))
    manifest = opendata.dataset("me/uses").release.manifest
    assert manifest.trace["inputs"][0]["id"] == "me/codes"
    assert opendata.dataset("me/uses").quarantined_rows == 0
