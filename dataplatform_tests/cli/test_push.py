"""Rows at hand become releases, and come back as they were."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata
from dataplatform.cli.push import metadata_of
from dataplatform_tests.cli.conftest import RATES
from dataplatform_tests.cli.shell import od
from opendata.wire.errors import InvalidInput, NotFound, Rejected

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:no store is in reach:UserWarning"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.filterwarnings("ignore:no licence is named:UserWarning"),
    pytest.mark.usefixtures("project"),
]


# --- round trips ----------------------------------------------------------------------


@pytest.mark.requirement("S1-11", "S1-55", "S1-56", "S1-57")
def test_a_pandas_frame_comes_back_as_it_was() -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2024-01-01 06:00", "2024-01-02 06:00"], utc=True),
            "name": ["a", None],
            "n": [1, 2],
            "x": [0.5, float("nan")],
            "ok": [True, False],
        }
    )
    release = opendata.push(frame, "me/things")
    assert (release.id, release.version, release.changed) == ("me/things", "1.0.0", True)
    assert repr(release) == "<me/things@1.0.0: 2 rows, published>"
    back = opendata.load("me/things")
    pd.testing.assert_frame_equal(
        back.sort_values("n", ignore_index=True), frame, check_dtype=False, check_exact=True
    )


@pytest.mark.requirement("S1-56", "S1-57")
def test_a_polars_frame_comes_back_as_it_was() -> None:
    frame = pl.DataFrame({"day": [date(2024, 1, 1)], "name": ["a"], "n": [2**40], "l": [[1, 2]]})
    opendata.push(frame, "me/things")
    assert opendata.load("me/things", format="polars").equals(frame)
    opendata.push(frame.lazy(), "me/lazy")
    assert opendata.load("me/lazy", format="polars").equals(frame)


@pytest.mark.requirement("S1-56", "S1-57")
@pytest.mark.parametrize("kind", ["table", "batch", "reader", "stream"])
def test_arrow_values_come_back_as_they_were(kind: str) -> None:
    table = pa.table(
        {
            "key": ["a", "b"],
            "price": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
            "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
            "raw": [b"\x00", b"\xff"],
        }
    )
    given = {
        "table": table,
        "batch": table.to_batches()[0],
        "reader": table.to_reader(),
        "stream": SpeaksArrow(table),
    }[kind]
    opendata.push(given, "me/things")
    assert opendata.load("me/things", format="arrow").to_pylist() == table.to_pylist()


class SpeaksArrow:
    """A value of some library that is known by its interface alone."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.requirement("S1-56", "S1-57")
@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "ndjson"])
def test_a_file_comes_back_as_its_rows(project: Path, suffix: str) -> None:
    rows = [{"n": 1, "word": "a"}, {"n": 2, "word": "b"}]
    path = project / f"rows.{suffix}"
    if suffix == "csv":
        path.write_text("n,word\n1,a\n2,b\n")
    elif suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    answer = od("push", str(path), "me/rows", "--license", "CC0-1.0", "--yes")
    assert answer.code == 0, answer.err
    assert "✓ published me/rows@1.0.0" in answer.out
    assert opendata.load("me/rows", format="arrow").to_pylist() == rows


@pytest.mark.requirement("S1-56")
def test_a_push_writes_metadata_and_preview() -> None:
    opendata.push(RATES, "me/rates", title="Rates", time="date", readme="# Rates\n")
    info = opendata.dataset("me/rates").info
    assert (info["title"], info["row_count"], info["min_date"]) == ("Rates", 3, "2024-01-02")
    assert info["preview"]["columns"] == ["date", "currency", "rate"]
    assert len(info["preview"]["rows"]) == 3
    assert opendata.dataset("me/rates").readme == "# Rates\n"


# --- the next push --------------------------------------------------------------------


def test_the_same_rows_again_are_no_new_release() -> None:
    opendata.push(RATES, "me/rates")
    again = opendata.push(RATES, "me/rates")
    assert (again.version, again.changed) == ("1.0.0", False)
    assert repr(again) == "<me/rates@1.0.0: 3 rows, nothing new>"
    assert opendata.push(RATES, "me/rates", force=True).version == "1.0.1"


def test_what_was_said_once_need_not_be_said_again() -> None:
    opendata.push(
        RATES,
        "me/rates",
        title="Rates of the day",
        license="CC-BY-4.0",
        time="date",
        topics=["rates"],
        contract={"primary_key": ["date", "currency"]},
        release={"shard": "month"},
    )
    changed = RATES.set_column(2, "rate", pa.array([1.09, 1.20, None]))
    release = opendata.push(changed, "me/rates", release={"freeze": "hard"})
    manifest = opendata.dataset("me/rates").release.manifest
    assert release.version == "1.0.1"
    assert manifest.dataset["title"] == "Rates of the day"
    assert manifest.dataset["license"] == "CC-BY-4.0"
    assert manifest.definition["release"]["shard"] == "month"
    assert manifest.freeze.mode == "hard"
    assert [entry.name for entry in manifest.files] == ["2024-01", "2024-02"]
    assert release.diff["diff_R"]["changed"] == 1


def test_a_new_column_has_to_be_meant() -> None:
    opendata.push(RATES, "me/rates", license="CC0-1.0")
    wider = RATES.append_column("source", pa.array(["ECB"] * 3))
    with pytest.raises(Rejected) as caught:
        opendata.push(wider, "me/rates")
    assert "source" in caught.value.message
    assert "new_columns=True" in (caught.value.hint or "")
    release = opendata.push(wider, "me/rates", new_columns=True)
    assert release.version == "1.1.0"
    assert opendata.push(wider, "me/rates").changed is False


def test_a_column_that_is_gone_is_refused_even_where_new_ones_are_meant() -> None:
    opendata.push(RATES, "me/rates")
    with pytest.raises(Rejected, match="rate"):
        opendata.push(RATES.drop_columns(["rate"]), "me/rates", new_columns=True)
    assert opendata.load("me/rates", format="arrow").num_rows == 3


# --- what cannot be pushed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (42, "builtins.int is no table"),
        ({"a": [1]}, "builtins.dict is no table"),
        (io.StringIO("a,b"), "StringIO is no table"),
        (pd.DataFrame({"a": [1, "x"]}), "make no table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' is there more than once"),
        (pa.table([[1], [2]], names=["b", "b"]), "'b' is there more than once"),
    ],
)
def test_what_has_no_rows_of_columns_is_refused(data: object, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        opendata.push(data, "me/things")


def test_a_folder_is_no_file(project: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        opendata.push(str(project), "me/things")


def test_a_missing_file_and_a_broken_one_are_named(project: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        opendata.push("no-such.csv", "me/things")
    (project / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InvalidInput, match=r"broken\.parquet is no Parquet file"):
        opendata.push("broken.parquet", "me/things")


def test_wrong_metadata_gets_its_nearest_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        opendata.push(RATES, "me/rates", licence="MIT")
    assert "licence" in caught.value.message
    assert caught.value.hint == "did you mean 'license'?"


def test_rows_that_repeat_their_key_are_refused() -> None:
    twice = pa.concat_tables([RATES, RATES])
    with pytest.raises(Rejected, match="date"):
        opendata.push(twice, "me/rates", contract={"primary_key": ["date", "currency"]})


@pytest.mark.parametrize(
    ("time", "told", "hint"),
    [
        ("dat", "no column 'dat', which is named as the time column", "did you mean 'date'?"),
        ("nope", "no column 'nope'", "columns with dates or timestamps: date"),
        ("currency", "'currency' holds string, not dates", "dates or timestamps: date"),
    ],
)
def test_a_time_column_has_to_be_a_column_that_tells_time(time: str, told: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        opendata.push(RATES, "me/rates", time=time)
    assert hint in (caught.value.hint or "")
    with pytest.raises(NotFound):
        opendata.load("me/rates")


def test_where_nothing_tells_time_the_hint_says_so() -> None:
    with pytest.raises(InvalidInput) as caught:
        opendata.push(pa.table({"zip": ["1"]}), "me/zips", time="zip")
    assert (caught.value.hint or "").startswith("no column holds dates or timestamps")


def test_a_key_has_to_be_of_columns() -> None:
    with pytest.raises(InvalidInput, match="no column 'nope', which is named as part of the key"):
        opendata.push(RATES, "me/rates", contract={"primary_key": ["date", "nope"]})


def test_no_rows_are_nothing_to_push() -> None:
    for empty in (pd.DataFrame(), RATES.slice(0, 0)):
        with pytest.raises(InvalidInput, match="no rows to push as me/rates"):
            opendata.push(empty, "me/rates")


@pytest.mark.parametrize(
    "rows",
    [
        RATES.drop_columns(["rate"]),
        RATES.set_column(2, "rate", pa.array(["a", "b", "c"])),
        pa.concat_tables([RATES, RATES]),
    ],
)
def test_a_refused_push_speaks_of_rows_and_not_of_a_producers_files(rows: pa.Table) -> None:
    opendata.push(RATES, "me/rates", contract={"primary_key": ["date", "currency"]})
    with pytest.raises(Rejected) as caught:
        opendata.push(rows, "me/rates")
    told = f"{caught.value.message} {caught.value.hint}"
    assert "correct the rows" in told
    for word in ("main.py", "opendata.yaml", "od run"):
        assert word not in told


def test_swapped_arguments_get_the_right_order(project: Path) -> None:
    frame = RATES.to_pandas()
    with pytest.raises(InvalidInput, match="the rows come first") as caught:
        opendata.push("me/df", frame)
    assert caught.value.hint == "od.push(rows, 'me/df')"
    (project / "rows.csv").write_text("n\n1\n")
    answer = od("push", "me/rows", "rows.csv")
    assert answer.code == 2
    assert "FILE comes first" in answer.err
    assert "hint: od push rows.csv me/rows" in answer.err


def test_an_index_with_a_name_is_a_column_and_one_without_is_not() -> None:
    named = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="key"))
    opendata.push(named, "me/named")
    assert list(opendata.load("me/named").columns) == ["key", "x"]
    opendata.push(pd.DataFrame({"x": [1, 2]}, index=[5, 9]), "me/unnamed")
    assert list(opendata.load("me/unnamed").columns) == ["x"]
    opendata.push(pd.Series([1.5], name="rate"), "me/series")
    assert list(opendata.load("me/series").columns) == ["rate"]


def test_a_warning_names_the_line_that_pushed(project: Path) -> None:
    with pytest.warns(UserWarning, match="unsigned") as caught:
        opendata.push(RATES, "me/rates")
    assert {Path(warning.filename).name for warning in caught} == {"test_push.py"}
    assert len(caught) == 3


# --- the command ----------------------------------------------------------------------


def test_without_a_licence_a_warning_says_what_that_means(project: Path) -> None:
    (project / "rows.csv").write_text("n\n1\n")
    answer = od("push", "rows.csv", "me/rows")
    assert answer.code == 0
    assert "warning: no licence is named" in answer.err
    assert "--license" in answer.err
    assert opendata.dataset("me/rows").info["license"] == "LicenseRef-Unknown"


def test_options_become_the_fields_of_a_definition(project: Path) -> None:
    (project / "rates.csv").write_text("day,code,rate\n2024-01-02,USD,1.1\n2024-02-01,USD,1.2\n")
    (project / "about.md").write_text("# About\n")
    answer = od(
        "push", "rates.csv", "me/rates", "--title", "Rates", "--license", "MIT",
        "--provider", "ECB", "--key", "day, code", "--time", "day", "--shard", "month",
        "--topic", "rates", "--topic", "macro", "--readme", "about.md", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.json["outcome"] == "published"
    manifest = opendata.dataset("me/rates").release.manifest
    assert manifest.dataset["source"] == {"provider": "ECB"}
    assert manifest.dataset["topics"] == ["rates", "macro"]
    assert manifest.contract["primary_key"] == ["day", "code"]
    assert len(manifest.files) == 2
    assert opendata.dataset("me/rates").readme == "# About\n"


def test_only_what_was_said_is_metadata() -> None:
    assert metadata_of((), title=None, topics=()) == {}
    assert metadata_of(("a,b", "c"), title="T") == {
        "title": "T",
        "contract": {"primary_key": ["a", "b", "c"]},
    }


def test_releases_is_a_namespace_that_says_what_it_has() -> None:
    from opendata import releases

    assert releases.semver_compare("1.2.0", "1.10.0") == -1
    assert releases.semver_compare("v2.0.0", "2.0.0") == 0
    told = r"it has assert_contract, .*diff_datasets, .*rollback, semver_compare"
    with pytest.raises(AttributeError, match=told):
        _ = releases.no_such_verb


@pytest.mark.parametrize("tolerance", [1e-9, 1.5e-7, 1e16, 0.5])
def test_small_and_large_figures_in_metadata_are_the_figures_that_they_are(
    tolerance: float,
) -> None:
    fields = [{"name": "n", "type": "int64", "tolerance": tolerance}]
    opendata.push(pa.table({"n": [1]}), "me/small", contract={"fields": fields})
    [field] = opendata.dataset("me/small").release.manifest.contract["fields"]
    assert field["tolerance"] == tolerance
