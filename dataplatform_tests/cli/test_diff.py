"""`od diff` and `diff_datasets` on files, folders, frames and releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata
from dataplatform.cli.place import find_settings
from dataplatform.cli.states import is_path, open_state
from dataplatform.wiring import for_rehearsal
from dataplatform_tests.cli.shell import od
from opendata import releases
from opendata.wire.errors import InvalidInput, NotFound

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-28", "S4-86"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.filterwarnings("ignore:no store is in reach:UserWarning"),
]

OLD = pa.table({"id": [1, 2, 3], "y10": [1.0, 2.0, 3.0], "note": ["a", "b", "c"]})
NEW = pa.table(
    {
        "note": ["b", "c", "d"],
        "id": pa.array([2, 3, 4], pa.int32()),
        "y10": [2.004, 3.5, 4.0],
    }
)


@pytest.fixture
def files(project: Path) -> Path:
    pq.write_table(OLD, project / "old.parquet")
    pq.write_table(NEW, project / "new.parquet")
    return project


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    rows = found["diff_R"]
    return rows["added"], rows["removed"], rows["changed"]


def test_two_files_are_compared_by_a_key(files: Path) -> None:
    found = od("diff", "old.parquet", "new.parquet", "--key", "id", "--json").json
    assert counts(found) == (1, 1, 2)
    assert found["diff_R"]["columns"] == {"y10": 2}
    assert found["diff_S"]["Type_change"][0]["field"] == "id"
    told = od("diff", "old.parquet", "new.parquet", "--key", "id", "--limit", "1").out
    assert "rows: +1 -1 ~2\n" in told
    assert "changed columns: y10 2" in told
    assert "… and 3 more" in told


def test_one_key_may_be_given_as_it_is(project: Path) -> None:
    assert releases.diff_datasets(OLD, NEW, "id") == releases.diff_datasets(OLD, NEW, ["id"])


@pytest.mark.requirement("B40")
def test_without_a_key_it_says_what_that_means(files: Path) -> None:
    answer = od("diff", "old.parquet", "new.parquet")
    assert answer.code == 0
    assert "without a key rows are a multiset" in answer.out


def test_noise_within_a_tolerance_is_told_apart(files: Path) -> None:
    words = ["diff", "old.parquet", "new.parquet", "--key", "id", "--tolerance", "y10=0.005"]
    assert "within tolerance: 1 row (y10 1)" in od(*words).out
    rows = od(*words, "--json").json["diff_R"]
    assert (rows["changed"], rows["within_tolerance"]) == (1, 1)
    assert rows["columns_within_tolerance"] == {"y10": 1}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["old.parquet"], 2, "compared with nothing"),
        (["old.parquet", "none.parquet"], 4, "there is no file none.parquet"),
        (["nowhere/", "old.parquet"], 4, "there is no file nowhere"),
        (["old.parquet", "new.parquet", "--key", "idd"], 2, "columns of both: note, id, y10"),
        (["old.parquet", "new.parquet", "--tolerance", "y10=1"], 2, "a tolerance needs a key"),
        (["old.parquet", "new.parquet", "--key", "id", "--tolerance", "y10"], 2, "no tolerance"),
        (["old.parquet", "new.parquet", "--key", "id", "--tolerance", "note=1"], 2, "no number"),
        (["old.parquet", "new.parquet", "--key", "id", "--tolerance", "id=1"], 2, "of the key"),
        (["old.parquet", "broken.parquet"], 2, "broken.parquet is no Parquet file"),
    ],
)
def test_mistakes_are_answered_with_what_to_type(
    files: Path, words: list[str], code: int, said: str
) -> None:
    Path("broken.parquet").write_bytes(b"no")
    answer = od("diff", *words)
    assert (answer.code, said in answer.err) == (code, True), answer.err


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1.0, "much", 10**400])
def test_a_tolerance_that_is_none_is_refused(tolerance: Any) -> None:
    with pytest.raises(InvalidInput, match=r"'y10': .* is no finite number of at least 0"):
        releases.diff_datasets(OLD, NEW, "id", tolerances={"y10": tolerance})


@pytest.mark.parametrize("samples", [-1, 1_000_000, 2.5])
def test_so_many_samples_cannot_be_shown(samples: Any) -> None:
    with pytest.raises(InvalidInput, match="is no number of samples"):
        releases.diff_datasets(OLD, NEW, "id", samples=samples)


def test_folders_and_patterns_of_parquet_files_are_tables(files: Path) -> None:
    for at in range(3):
        (files / "parts" / f"y={at}").mkdir(parents=True)
        pq.write_table(OLD.slice(at, 1), files / "parts" / f"y={at}" / "rows.parquet")
    for side in ("parts", "./parts/", "parts/*/rows.parquet", files / "parts"):
        assert releases.diff_datasets("old.parquet", side, ["id"])["bump"] == "none"
    pq.write_table(NEW, files / "parts" / "other.parquet")
    with pytest.raises(InvalidInput, match="no table together"):
        releases.diff_datasets("old.parquet", "parts", ["id"])
    with pytest.raises(NotFound):
        releases.diff_datasets("old.parquet", files / "nothing", ["id"])


def test_parquet_is_read_where_it_lies(files: Path) -> None:
    ports = for_rehearsal(find_settings(), str(files / "scratch")).ports
    draft = files / "draft.parquet"
    assert open_state(ports, "old.parquet", draft).files == ("old.parquet",)
    assert not draft.exists()
    assert open_state(ports, OLD, draft).files == (str(draft),)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("me/rates", False), ("me/rates@1.0.0", False), ("1.0.0", False), ("me/rates.parquet", True),
     ("./me/rates", True), ("~/rates", True), ("me/*", True), ("rates.csv", True)],
)  # fmt: skip
def test_what_is_a_path_and_what_a_reference(project: Path, word: str, expected: bool) -> None:
    assert is_path(word) is expected


def test_a_frame_with_times_compares_with_a_release_of_dates(rates: str) -> None:
    frame = opendata.load(rates)
    frame["date"] = pd.to_datetime(frame["date"])
    found = releases.diff_datasets(rates, frame, ["date", "currency"])
    assert counts(found) == (0, 0, 0)
    assert found["diff_S"]["Type_change"]


def test_a_release_is_compared_with_a_file_by_the_key_it_promises(project: Path) -> None:
    contract = {
        "primary_key": ["id"],
        "fields": [
            {"name": "id", "type": "int64"},
            {"name": "y10", "type": "float64", "tolerance": 0.005},
            {"name": "note", "type": "string"},
        ],
    }
    opendata.push(OLD, "me/yields", license="MIT", contract=contract)
    pq.write_table(NEW, project / "new.parquet")
    found = od("diff", "me/yields", "new.parquet", "--json").json
    assert (found["diff_R"]["keyed"], counts(found)) == (True, (1, 1, 1))
    assert found["diff_R"]["within_tolerance"] == 1
    # What a file cannot tell (key, tolerance, promises) is as the release has it.
    told = {change["constraint"] for change in found["diff_S"]["Constraint_change"]}
    assert told == {"order"}

    noisy = OLD.set_column(1, "y10", pa.array([1.0, 2.004, 3.0]))
    release = opendata.push(noisy, "me/yields")
    assert str(release.version) == "1.0.1"  # its bits changed (S4-16)
    rows = od("diff", "me/yields", "--json").json["diff_R"]
    assert (rows["changed"], rows["within_tolerance"]) == (0, 1)
    answer = od("diff", "me/yields").out
    assert "rows: unchanged" in answer
    assert "changed all the same: 1 row differs within its tolerance" in answer


def test_a_renamed_column_is_found_through_its_alias(project: Path) -> None:
    fields = [{"name": "id", "type": "int64"}, {"name": "y10", "type": "float64"}]
    contract: dict[str, Any] = {"primary_key": ["id"], "fields": fields}
    old = OLD.select(["id", "y10"])
    opendata.push(old, "me/yields", license="MIT", contract=contract)
    fields[1] = {"name": "ten", "type": "float64", "aliases": ["y10"]}  # type: ignore[dict-item]
    new = old.rename_columns(["id", "ten"]).set_column(1, "ten", pa.array([1.0, 2.0, 3.5]))
    release = opendata.push(new, "me/yields", contract=contract)
    assert release.diff["diff_R"]["columns"] == {"ten": 1}
    for words, column in ((["1.0.0", str(release.version)], "ten"),
                          ([str(release.version), "1.0.0"], "y10")):  # fmt: skip
        rows = od("diff", "me/yields", *words, "--json").json["diff_R"]
        assert (rows["changed"], rows["columns"]) == (1, {column: 1})
