"""`od compat`, `--reader` and `--partition` from push to the last row, as people type them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import opendata as od
from dataplatform_tests.cli.shell import od as typed
from opendata import releases

DAYS = pa.array(range(19_692, 19_692 + 200), pa.int32()).cast(pa.date32())  # from 2023-12-01
PERCENT = pa.array([at / 10 for at in range(200)])
RATES = "me/rates"


def push(name: str, values: pa.Array, unit: str, shard: str, **release: Any) -> None:
    contract = {
        "primary_key": ["date"],
        "fields": [
            {"name": "date", "type": "date32", "nullable": False},
            {"name": name, "type": "float64", "unit": unit,
             "aliases": ["10Y"] if name != "10Y" else []},
        ],
    }  # fmt: skip
    table = pa.table({"date": DAYS, name: values})
    with warnings.catch_warnings(action="ignore"):  # unsigned, and without a licence
        od.push(table, RATES, time="date", contract=contract, release={"shard": shard, **release})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By month in percent, then renamed as a share, then by year as the declared major."""
    folder = tmp_path_factory.mktemp("compat") / "store"
    share = pa.array([one / 100 for one in PERCENT.to_pylist()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENDATA_STORAGE", str(folder))
        push("10Y", PERCENT, "percent", "month")
        push("y10", share, "1", "month")
        push("y10", share, "1", "year", version="2.0.0")
    return folder


@pytest.fixture(autouse=True)
def _in_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", str(store))


@pytest.mark.requirement("S4-59", "S4-63")
@pytest.mark.parametrize("format", ["pandas", "arrow", "polars"])
def test_an_old_reader_issues_the_old_path_after_the_major(format: Any) -> None:
    frame = od.load(RATES, reader="1.0", partition="2024-03", format=format)
    names = frame.column_names if format == "arrow" else list(frame.columns)
    assert names == ["date", "10Y"]
    values = frame.column("10Y").to_pylist() if format == "arrow" else frame["10Y"].to_list()
    assert values == pytest.approx([at / 10 for at in range(91, 122)])
    assert len(frame) == 31


def test_a_handle_tells_the_verdict_and_the_adapters_that_it_used() -> None:
    handle = od.dataset(RATES)
    verdict = handle.compatibility("1.0")
    assert verdict.verdict == "compatible_with_adapter"
    count = sum(one.num_rows for one in handle.batches(reader="1.0", filters=[("10Y", "<", 1.0)]))
    assert count == 10
    assert handle.stats.adapters == verdict.adapters
    assert "adapted by fields_alias, unit_converters, routing_rules" in str(handle.stats)


@pytest.mark.requirement("S4-56", "S4-57")
def test_the_verb_gives_the_matrix() -> None:
    found = releases.compatibility(RATES)
    assert (found["release"], found["schema_version"], found["reader_min"]) == (
        "2.0.0", "2.0.0", "1.0.0",
    )  # fmt: skip
    assert len(found["matrix"]) == 9
    (one,) = releases.compatibility(RATES, reader="1.0")["matrix"]
    assert one["adapters"] == ["fields_alias", "unit_converters", "routing_rules"]
    assert one["reasons"][0] == "'10Y' is called 'y10' now"
    pinned = releases.compatibility(f"{RATES}@1.0.0")["matrix"]
    assert {(cell["reader"], cell["schema_version"]) for cell in pinned} == {
        ("1.0.0", "1.0.0"), ("1.1.0", "1.0.0"), ("2.0.0", "1.0.0"),
    }  # fmt: skip


@pytest.mark.requirement("S4-56")
def test_who_can_read_what_is_shown_as_a_table_and_as_json() -> None:
    shown = typed("compat", RATES).out.splitlines()
    assert shown[0].split() == ["reader", "verdict", "adapters", "why"]
    assert [line.split()[0] for line in shown[1:]] == ["1.0.0", "1.1.0", "2.0.0"]
    told = typed("compat", RATES, "--json").json
    assert [cell["verdict"] for cell in told["matrix"]] == [
        "compatible_with_adapter", "compatible_with_adapter", "compatible",
    ]  # fmt: skip
    assert len(typed("compat", RATES, "--all", "--json").json["matrix"]) == 9
    single = typed("compat", RATES, "--reader", "1.1").out
    assert "a reader of schema 1.1.0 and release 2.0.0 (schema 2.0.0): compatible with" in single


def test_rows_are_loaded_on_the_command_line_in_the_readers_words() -> None:
    asked = ("--reader", "1.0", "--partition", "2024-03", "-f", "10Y > 12")
    assert typed("load", RATES, *asked, "--format", "csv").out.splitlines() == [
        '"date","10Y"', "2024-03-31,12.1",
    ]  # fmt: skip
    nothing = typed("load", RATES, "--reader", "1.0", "-f", "10Y > 99", "--format", "csv")
    assert nothing.out.splitlines() == ['"date","10Y"']


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("compat", RATES, "--reader", "3.1"), 6, "schema 3.1 is newer than me/rates"),
        (("compat", RATES, "--reader", "new"), 2, "'new' is no schema version of a reader"),
        (("compat", "me/rate"), 4, "did you mean 'me/rates'"),
        (("load", RATES, "--partition", "2024-03"), 4, "a path of the former cut by month"),
        (("load", RATES, "--reader", "1.0", "--partition", "2024-3"), 4, "'2024-03'"),
        (("load", RATES, "--reader", "1.0", "-c", "y10"), 4, "it calls that '10Y'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words: tuple[str, ...], code: int, said: str) -> None:
    answer = typed(*words)
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err
