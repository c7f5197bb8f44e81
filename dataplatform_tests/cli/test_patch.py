"""Patching as people do it: a file of corrections, a frame at hand, and what is refused."""

from __future__ import annotations

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import opendata
from dataplatform.errors import BreakingChange, GateClosed
from dataplatform_tests.cli.shell import od
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata import releases
from opendata.wire.errors import Conflict, InvalidInput, NotFound

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.filterwarnings("ignore:no store is in reach:UserWarning"),
]

PATCH = """\
base: 1.0.0
notes: "Two corrections"
ops:
  - {op: UPSERT_RECORD, pk: {date: 2024-01-02, currency: USD}, values: {rate: 1.095}}
  - {op: DELETE_RECORD, pk: {date: 2024-01-03, currency: USD}}
"""


def _written(text: str, name: str = "patch.yaml") -> str:
    Path(name).write_text(text)
    return name


def _told(folder: Path) -> dict[str, bytes]:
    """Everything that is said of data sets, by its path."""
    said = folder / ".opendata" / "store" / "datasets"
    return {str(path): path.read_bytes() for path in said.rglob("*") if path.is_file()}


@pytest.mark.requirement("S4-27", "S4-35", "S4-36")
def test_a_patch_is_rehearsed_and_then_published(rates: str, project: Path) -> None:
    file, before = _written(PATCH), _told(project)
    rehearsed = od("patch", rates, file, "--dry-run", "--json")
    assert rehearsed.code == 0, rehearsed.err
    assert (rehearsed.json["outcome"], rehearsed.json["release"]) == ("would_publish", "1.0.1")
    counts = rehearsed.json["change"]["diff_R"]
    assert (counts["added"], counts["removed"], counts["changed"]) == (0, 1, 1)
    assert _told(project) == before

    published = od("patch", rates, file)
    assert published.code == 0, published.err
    assert "rate 1.09 → 1.095" in published.out
    assert "✓ published me/rates@1.0.1" in published.out
    rows = opendata.load(rates)
    assert list(rows["rate"].dropna()) == [1.095]

    again = od("patch", rates, file)
    assert again.code == Conflict.exit_code
    assert "made for me/rates@1.0.0" in again.err


@pytest.mark.requirement("S4-38")
def test_a_patch_that_breaks_a_rule_changes_nothing_even_where_the_rule_only_warns(
    rates: str, project: Path
) -> None:
    rule = {"kind": "range", "field": "rate", "max": 2, "severity": "warn"}
    opendata.push(
        pa.table({"date": [date(2024, 1, 2)], "currency": ["USD"], "rate": [1.0]}),
        rates,
        contract={"rules": [rule]},
    )
    before = _told(project)
    refused = od("patch", rates, _written(PATCH.replace("1.095", "3.0").replace("1.0.0", "1.0.1")
                                          .replace("DELETE", "UPSERT")))  # fmt: skip
    assert refused.code == GateClosed.exit_code, refused.err
    assert "every rule has to hold, those too that would only warn" in refused.err
    assert _told(project) == before


@pytest.mark.requirement("S4-9", "S4-33", "S4-87")
def test_a_breaking_patch_says_how_to_declare_it(rates: str) -> None:
    file = _written("ops:\n  - {op: DROP_FIELD, name: rate}\n")
    for words in (("--dry-run",), ()):
        refused = od("patch", rates, file, *words)
        assert refused.code == BreakingChange.exit_code
        assert 'write in the patch: version: "2.0.0"' in refused.err
    assert od("patch", rates, _written('version: "2.0.0"\n' + Path(file).read_text())).code == 0
    assert list(opendata.load(rates).columns) == ["date", "currency"]
    assert od("reproduce", rates).code == 0, "base and kept patch give the same rows again"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("me/rates", "none.yaml"), NotFound.exit_code, "there is no file none.yaml"),
        (("patch.yaml", "me/rates"), InvalidInput.exit_code, "NS/NAME comes first"),
        (("me/nothing", "patch.yaml"), NotFound.exit_code, "was never published"),
        (("me/rates@3.0.0", "patch.yaml"), InvalidInput.exit_code, "made for 1.0.0, not for 3.0.0"),
        (("me/rates", "wrong.yaml"), InvalidInput.exit_code, "wrong.yaml:1:76: 'rat' is none of"),
        (("me/rates", "typed.yaml"), InvalidInput.exit_code, "typed.yaml:1:77: 'a lot' is no"),
        (("me/rates", "rows.yaml"), NotFound.exit_code, "no file rows.csv, which the patch"),
    ],
)
def test_mistakes_are_told_and_what_to_type_next(
    rates: str, words: tuple[str, ...], code: int, said: str
) -> None:
    _written(PATCH)
    record = "ops: [{op: UPSERT_RECORD, records: [{date: 2024-01-02, currency: USD, %s}]}]"
    _written(record % "rat: 1.0", "wrong.yaml")
    _written(record % "rate: a lot", "typed.yaml")
    _written("ops: [{op: UPSERT_RECORD, file: rows.csv}]", "rows.yaml")
    answer = od("patch", *words)
    assert answer.code == code, answer.err
    assert said in answer.err


@pytest.mark.requirement("S4-35", "S4-36")
def test_many_records_come_from_a_file_in_the_types_of_the_fields(project: Path) -> None:
    opendata.push(
        pa.table({"code": ["007", "008", "9"], "size": [1.0, 2.0, 3.0]}),
        "me/codes",
        license="CC0-1.0",
        contract={"primary_key": ["code"]},
    )
    _written("code,size\n007,7.5\n010,\n", "new.csv")
    _written("code\n9\n", "gone.csv")
    ops = [{"op": "UPSERT_RECORD", "file": "new.csv"}, {"op": "DELETE_RECORD", "file": "gone.csv"}]
    Path("patch.json").write_text(json.dumps({"ops": ops}))
    assert od("patch", "me/codes", "patch.json").code == 0
    rows = opendata.load("me/codes", format="arrow").sort_by("code").to_pydict()
    assert rows == {"code": ["007", "008", "010"], "size": [7.5, 2.0, None]}


@pytest.mark.requirement("S4-27")
def test_a_run_that_would_undo_a_patch_is_refused(project: Path) -> None:
    assert od("init", "me/tides").code == 0
    folder = project / "producers" / "me" / "tides"
    (folder / "opendata.yaml").write_text(
        "id: me/tides\ntitle: Tides\ndescription: Two tides.\nlicense: CC0-1.0\n"
        "repo: https://example.org/tides\nsource: {provider: example}\n"
        "contract: {primary_key: [n]}\n"
    )
    main = "import pyarrow as pa\n\ndef produce(context):\n    return pa.table({})\n"
    (folder / "main.py").write_text(main.format("{'n': [1, 2], 'm': [0.5, 0.7]}"))
    assert od("run", "me/tides", "--publish").code == 0
    patched = od(
        "patch", "me/tides", _written("ops: [{op: UPSERT_RECORD, pk: 2, values: {m: 0.8}}]")
    )
    assert patched.code == 0, patched.err
    assert "knows nothing of this patch" in patched.err

    refused = od("run", "me/tides", "--publish", "--json")
    assert refused.code == 6, refused.err
    assert "these are the rows of me/tides@1.0.0, which were corrected by a patch (1.0.1)" in (
        refused.out + refused.err
    )
    (folder / "main.py").write_text(main.format("{'n': [1, 2, 3], 'm': [0.5, 0.8, 0.9]}"))
    assert od("run", "me/tides", "--publish").code == 0
    assert list(opendata.load("me/tides")["m"]) == [0.5, 0.8, 0.9]


# --- from Python ----------------------------------------------------------------------


@pytest.mark.requirement("S4-87")
def test_a_release_is_patched_from_python(rates: str) -> None:
    ops = [{"op": "UPSERT_RECORD", "pk": {"date": date(2024, 2, 1), "currency": "CHF"},
            "values": {"rate": 0.93}}]  # fmt: skip
    release = releases.patch_dataset(rates, ops)
    assert (release.version, release.changed, release.row_count) == ("1.0.1", True, 3)
    assert release.diff["diff_R"]["changed"] == 1
    with pytest.raises(Conflict):
        releases.patch_dataset(f"{rates}@1.0.0", ops)
    assert not releases.patch_dataset(rates, {"base": "1.0.1", "ops": ops}).changed


@pytest.mark.requirement("S4-87", "S4-38")
def test_a_frame_is_patched_and_held_to_its_contract(project: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "size": [0.5, 0.7, 0.9]})
    ops: list[dict[str, Any]] = [
        {"op": "UPSERT_RECORD", "pk": 2, "values": {"size": 7.0}},
        {"op": "UPSERT_RECORD", "pk": 4, "values": {"size": 1.0}},
        {"op": "DELETE_RECORD", "pk": 1},
        {"op": "ADD_FIELD", "name": "ok", "type": "bool", "default": True},
    ]
    patched = releases.patch_dataset(frame, ops, keys=["id"])
    assert isinstance(patched, pd.DataFrame)
    assert patched.to_dict("list") == {
        "id": [2, 3, 4], "size": [7.0, 0.9, 1.0], "ok": [True] * 3,
    }  # fmt: skip
    assert list(frame["size"]) == [0.5, 0.7, 0.9]
    rule = {"kind": "range", "field": "size", "max": 2.0, "severity": "warn"}
    contract = {"primary_key": ["id"], "rules": [rule]}
    with pytest.raises(GateClosed, match="does not keep its contract"):
        releases.patch_dataset(frame, ops, contract=contract)


@pytest.mark.requirement("S4-28", "S4-87")
def test_a_difference_between_releases_is_a_patch(rates: str) -> None:
    releases.patch_dataset(rates, PATCH)
    back = releases.patch_from_diff(f"{rates}@1.0.1", f"{rates}@1.0.0")
    assert [op["op"] for op in back["ops"]] == ["UPSERT_RECORD"]
    assert releases.patch_dataset(rates, json.loads(json.dumps(back))).version == "1.0.2"
    first, last = (opendata.dataset(f"{rates}@{at}").info for at in ("1.0.0", "1.0.2"))
    assert first["content_hash"] == last["content_hash"]


@pytest.mark.real
@pytest.mark.requirement("S4-35")
def test_a_patch_of_a_release_in_s3(
    seaweed: SeaweedServer, seaweed_bucket: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    for name, value in {**seaweed.environ(), "OPENDATA_STORAGE": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENDATA_CACHE", str(project / "cache"))
    rows = pa.table({"id": range(1000), "size": [float(n) for n in range(1000)]})
    opendata.push(rows, "me/sizes", license="CC0-1.0", contract={"primary_key": ["id"]})
    release = releases.patch_dataset("me/sizes", [{"op": "DELETE_RECORD", "pk": 7}])
    assert release.row_count == 999
    assert opendata.verify("me/sizes")
