"""A data set's life in one story: released, corrected, changed, read by old code, taken back.

Each step has tests of its own elsewhere; here stands that they fit together (S4 as a whole).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import opendata as od
from opendata import releases

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:the release is unsigned"),
]

RATES = "me/rates"
PERCENT = {
    "primary_key": ["day"],
    "fields": [
        {"name": "day", "type": "date32"},
        {"name": "10Y", "type": "float64", "unit": "percent"},
    ],
}
FRACTIONS = {
    "primary_key": ["day"],
    "fields": [
        {"name": "day", "type": "date32"},
        {"name": "y10", "type": "float64", "unit": "1", "aliases": ["10Y"]},
    ],
}
FACTS: dict[str, Any] = {"license": "CC0-1.0", "time": "day", "release": {"shard": "month"}}


def rates() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", "2024-03-31", freq="D")
    return pd.DataFrame({"day": days.date, "10Y": [4.0 + at / 100 for at in range(len(days))]})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENDATA_STORAGE", str(tmp_path))
    return tmp_path


@pytest.mark.requirement("S4-1", "S4-55", "S4-87", "S4-95")
@pytest.mark.usefixtures("store")
def test_a_release_is_corrected_changed_read_by_old_code_and_taken_back() -> None:
    first = od.push(rates(), RATES, contract=PERCENT, **FACTS)
    assert (first.release, od.load(RATES)["10Y"].iloc[0]) == ("1.0.0", 4.0)

    # A correction writes the month that it is about, and no other.
    upsert = {"op": "UPSERT_RECORD", "pk": {"day": "2024-02-01"}, "values": {"10Y": 9.0}}
    corrected = releases.patch_dataset(RATES, [upsert])
    assert (corrected.release, corrected.diff["diff_R"]["changed"]) == ("1.0.1", 1)
    before, after = (od.dataset(f"{RATES}@{v}").release.manifest for v in ("1.0.0", "1.0.1"))
    rewritten = {b.name for a, b in zip(before.files, after.files, strict=True) if a != b}
    assert rewritten == {"2024-02"}

    # Another name and unit: a minor step, because what led there leads back.
    renamed = rates().rename(columns={"10Y": "y10"})
    renamed["y10"] /= 100
    changed = od.push(renamed, RATES, contract=FRACTIONS)
    assert changed.release == "1.1.0"
    old_code = od.load(RATES, reader="1.0")
    assert list(old_code.columns) == ["day", "10Y"]
    assert old_code["10Y"].iloc[0] == pytest.approx(4.0)
    verdict = od.dataset(RATES).compatibility("1.0")
    assert verdict.verdict == "compatible_with_adapter"
    assert set(verdict.adapters) == {"fields_alias", "unit_converters"}

    # It brought the uncorrected value back, so it is taken back; whoever pinned it is warned.
    undone = releases.rollback(RATES, "1.0.1", reason="the correction of February is missing")
    assert (undone["before"], undone["release"]) == ("1.1.0", "1.0.1")
    february = od.load(RATES, start="2024-02-01", end="2024-02-01")
    assert list(february["10Y"]) == [9.0]
    with pytest.warns(UserWarning, match="withdrawn"):
        od.load(f"{RATES}@1.1.0")


@pytest.mark.requirement("S4-2", "S4-92", "S4-94")
@pytest.mark.usefixtures("store")
def test_what_a_release_is_made_of_stands_in_its_manifest() -> None:
    draft = releases.draft(rates(), RATES, contract=PERCENT, **FACTS)
    source = {"url": "https://example.org/rates.csv", "sha256": "ab" * 32, "size_bytes": 12}
    releases.attach_provenance(draft, {"source": [source]})
    releases.assert_contract(draft)
    assert releases.quality_metrics(draft)["passed"]
    frozen = releases.freeze_release(draft, "1.0.0")
    releases.publish_release(frozen)
    manifest = od.dataset(RATES).release.manifest
    assert manifest.row_count == len(rates())
    assert [field["name"] for field in manifest.contract["fields"]] == ["day", "10Y"]
    assert [known["url"] for known in manifest.trace["source"]] == [source["url"]]
    assert manifest.versioning.data_release == manifest.freeze.tag == "1.0.0"
    assert manifest.versioning.schema_version == "1.0.0"
    assert {"diff_S", "diff_R", "diff_I"} <= set(manifest.changelog.to_json())
    assert manifest.integrity.content_hash
