"""New producers: what is written parses, runs, keeps its contract, and says what is made up."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.parse import check_definition
from dataplatform.datasets.sample import read_sample
from dataplatform.datasets.scaffold import scaffold, scaffold_from_table
from dataplatform.datasets.type_code import type_code
from dataplatform_tests.adapters.runner.running import Bench
from dataplatform_tests.contracts.strategies import TYPES
from opendata.reading.type_names import type_name
from opendata.wire.ids import DatasetId, parse_dataset_id

ME = parse_dataset_id("me/berlin-weather")
ADDRESS = "https://data.example.org/files/a.csv?x=1&y='2'"

CSV = "date;Länder code;rate;zip;\n2020-01-02;NA;1,5;01067;\n2021-05-02;DE;N/A;10115;\n".encode()
JSON = b'{"n": 2, "rows": [{"id": 1, "x": {"y": 2}, "1e5": "a"}, {"id": 2, "x": null, "1e5": "b"}]}'
LINES = b'{"id": 1, "at": "x"}\n{"id": 2, "at": null}\n'


def run(texts: dict[str, str], folder: Path, fetched: Path | None = None) -> pa.Table:
    """What `produce` of the written main.py returns."""
    main = folder / "main.py"
    main.write_text(texts["main.py"], encoding="utf-8")
    context = SimpleNamespace(
        log=logging.getLogger("producer"),
        start=None,
        end=None,
        previous=None,
        inputs={},
        fetch=lambda url: SimpleNamespace(path=str(fetched), url=url),
    )
    return runpy.run_path(str(main))["produce"](context)


def parsed(texts: dict[str, str]) -> DatasetDefinition:
    checked = check_definition(texts["opendata.yaml"], "opendata.yaml", expected_id=ME)
    assert checked.errors == ()
    assert checked.definition is not None
    return checked.definition


def fits(table: pa.Table, definition: DatasetDefinition) -> bool:
    assert definition.contract is not None
    promised = [(field.name, field.type) for field in definition.contract.fields]
    return promised == [(field.name, type_name(field.type)) for field in table.schema]


@pytest.mark.requirement("S1-14", "S1-54", "S1-66", "S1-67")
def test_a_new_producer_has_its_three_files_and_runs_as_it_is(tmp_path: Path) -> None:
    texts = scaffold(ME)
    assert set(texts) == {"opendata.yaml", "main.py", "README.md"}
    definition = parsed(texts)
    table = run(texts, tmp_path)
    assert fits(table, definition)
    assert table.num_rows > 0
    assert sum(column.null_count for column in table.columns) == 0


@pytest.mark.requirement("S1-66", "S1-67")
def test_made_up_rows_say_so_in_all_three_files(caplog: pytest.LogCaptureFixture) -> None:
    texts = scaffold(ME)
    assert "made up" in texts["README.md"]
    assert "SAMPLE ROWS, made up" in texts["main.py"]
    assert "take the licence of your source" in texts["opendata.yaml"]


def test_only_what_nobody_can_know_is_left_to_say() -> None:
    checked = check_definition(scaffold(ME)["opendata.yaml"], "f")
    told = {one.message for one in checked.warnings}
    assert told == {
        "the description is still the template's",
        "<org> is still a placeholder",
        "`topics` is recommended",
        "`geo` is recommended",
    }
    mine = scaffold(ME, repo="https://example.org/me/data", owner="Zoë: 'z'")["opendata.yaml"]
    checked = check_definition(mine, "f")
    assert checked.definition is not None
    assert checked.definition.owners == ("Zoë: 'z'",)
    assert checked.definition.repo == "https://example.org/me/data"


IDS = st.builds(
    DatasetId,
    *[st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6})?", fullmatch=True)] * 2,
)


@given(IDS, st.one_of(st.none(), st.text(min_size=1, max_size=20)))
def test_any_id_makes_a_definition_that_parses(dataset: DatasetId, owner: str | None) -> None:
    texts = scaffold(dataset, owner=owner)
    checked = check_definition(texts["opendata.yaml"], "f", expected_id=dataset)
    stray = owner is not None and not owner.isprintable()
    blank = owner is not None and not owner.strip()
    assert checked.definition is not None or stray or blank
    compile(texts["main.py"], "main.py", "exec")


@pytest.mark.parametrize(
    ("data", "name"), [(CSV, "a file.csv"), (JSON, "rows.json"), (LINES, 'l"i.ndjson')]
)
def test_a_producer_from_a_file_reads_it_as_it_was_seen(
    data: bytes, name: str, tmp_path: Path
) -> None:
    sample = read_sample(data, name)
    texts = scaffold_from_table(ME, sample, source=name)
    (tmp_path / name).write_bytes(data)
    table = run(texts, tmp_path)
    assert table.equals(sample.table)
    assert fits(table, parsed(texts))


def test_a_producer_from_an_address_fetches_it(tmp_path: Path) -> None:
    sample = read_sample(CSV, ADDRESS)
    texts = scaffold_from_table(ME, sample, source=ADDRESS)
    (tmp_path / "download").write_bytes(CSV)
    assert run(texts, tmp_path, fetched=tmp_path / "download").equals(sample.table)
    definition = parsed(texts)
    assert definition.source.provider == "data_example_org"
    assert definition.source.homepage == "https://data.example.org/"
    assert definition.source.dataset == ADDRESS


def test_what_was_guessed_is_written_down(tmp_path: Path) -> None:
    definition = parsed(scaffold_from_table(ME, read_sample(CSV, "a.csv"), source="a.csv"))
    assert definition.contract is not None
    assert definition.contract.primary_key == ("date",)
    assert definition.time == "date"
    assert definition.release.shard == "year"
    types = {field.name: field.type for field in definition.contract.fields}
    assert types == {"date": "date32", "Länder code": "string", "rate": "string", "zip": "string"}


def test_what_was_not_found_is_said() -> None:
    sample = read_sample(b"x\n0.5\n0.5\n", "a.csv")
    text = scaffold_from_table(ME, sample, source="a.csv")["opendata.yaml"]
    assert "no columns told all rows apart" in text
    assert "none was found" in text


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.uint16()),
            "price": pa.array(["1.10", None]).cast(pa.decimal128(9, 2)),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "at": pa.array([0, 1], pa.timestamp("ms", "Europe/Berlin")),
            "tags": pa.array([["x"], None], pa.list_(pa.string())),
        }
    )
    pq.write_table(table, tmp_path / "data.parquet")
    sample = read_sample((tmp_path / "data.parquet").read_bytes(), "data.parquet")
    texts = scaffold_from_table(ME, sample, source="data.parquet")
    made = run(texts, tmp_path)
    assert fits(made, parsed(texts))
    assert made["kind"].to_pylist() == ["a", "b"]


def test_a_source_that_no_longer_fits_stops_the_run(tmp_path: Path) -> None:
    data = b"id,n\n1,2\n2,3\n"
    texts = scaffold_from_table(ME, read_sample(data, "a.csv"), source="a.csv")
    (tmp_path / "a.csv").write_bytes(data + b"3,many\n")
    with pytest.raises(pa.ArrowInvalid, match="many"):
        run(texts, tmp_path)


def test_a_hostile_name_stays_a_text(tmp_path: Path) -> None:
    name = '"""; raise SystemExit; """ ${x} {y} \\.csv'
    data = b'"a""): raise SystemExit #",id\n1,2\n3,4\n'
    sample = read_sample(data, name)
    texts = scaffold_from_table(ME, sample, source=name)
    (tmp_path / name).write_bytes(data)
    assert run(texts, tmp_path).equals(sample.table)
    parsed(texts)


@given(TYPES)
def test_a_type_is_written_as_python_that_makes_it(data_type: Any) -> None:
    assert eval(type_code(data_type), {"pa": pa}) == data_type


@pytest.mark.platform
@pytest.mark.requirement("S1-67")
def test_the_real_runner_takes_both_kinds_as_they_are(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(scaffold(ME)["main.py"])
    assert bench.table.num_rows > 0
    assert "made-up sample rows" in bench.log

    sample = read_sample(CSV, "a.csv")
    (bench.main_path.parent / "a.csv").write_bytes(CSV)
    bench.run(scaffold_from_table(ME, sample, source="a.csv")["main.py"])
    assert bench.table.equals(sample.table)
