"""What the producers declare: every opendata.yaml is valid, and says what its data really is."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from dataplatform.contracts.model import Shard
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.parse import check_definition, parse_definition
from dataplatform.datasets.schedule import Schedule, cron_of
from dataplatform_tests.producers.recorded import BLOCKED, PRODUCERS, ROOT, producer

FOLDERS = sorted(path.parent for path in PRODUCERS.glob("*/*/opendata.yaml"))
ACCIDENTS = sorted(path.parent for path in BLOCKED.glob("*/*/*/opendata.yaml"))
BESIDE_THE_STANDARD_LIBRARY = {"pyarrow", "__future__"}


def definition(folder: Path) -> DatasetDefinition:
    """The definition, which has to carry the id that its folder says."""
    path = folder / "opendata.yaml"
    expected = f"{folder.parent.name}/{folder.name}"
    return parse_definition(path.read_bytes(), str(path.relative_to(ROOT)), expected_id=expected)


def named(name: str) -> DatasetDefinition:
    return definition(PRODUCERS / "getopendata" / name)


@pytest.mark.requirement("S1-28", "S1-53")
@pytest.mark.parametrize("folder", [*FOLDERS, *ACCIDENTS], ids=lambda path: path.name)
def test_a_definition_is_valid_and_complete(folder: Path) -> None:
    declared = definition(folder)
    assert declared.topics, "topics"
    assert declared.geo, "geo"
    assert declared.owners, "owners"
    assert declared.frequency, "frequency"
    assert declared.contract is not None
    assert declared.contract.primary_key
    assert declared.quality
    assert all(field.description for field in declared.contract.fields)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_there_is_no_advice_left_but_on_the_documents_own_words(folder: Path) -> None:
    path = folder / "opendata.yaml"
    advice = [tip.message for tip in check_definition(path.read_bytes(), path.name).warnings]
    public_domain = [message for message in advice if "Public Domain" in message]
    assert advice == public_domain
    assert bool(public_domain) == (folder.name == "treasury-yield-curve-daily")


@pytest.mark.requirement("S1-44")
def test_the_reference_example_of_the_documents_is_one_of_them() -> None:
    curve = named("treasury-yield-curve-daily")
    assert curve.title == "US Treasury Yield Curve (Daily)"
    assert curve.license == "Public Domain"
    assert curve.source.provider == "us_treasury"
    assert curve.source.homepage == "https://home.treasury.gov/"
    assert curve.topics == ("rates", "macro")
    assert curve.geo is not None
    assert (curve.geo.scope, curve.geo.countries) == ("country", ("US",))
    assert curve.frequency == "daily"


@pytest.mark.requirement("S1-13", "S1-54")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_producer_is_two_files_and_a_page_about_the_data(folder: Path) -> None:
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "README.md",
        "main.py",
        "opendata.yaml",
    }
    assert callable(producer(folder.name).produce)


@pytest.mark.parametrize("folder", [*FOLDERS, *ACCIDENTS], ids=lambda path: path.name)
def test_a_producer_needs_nothing_but_pyarrow(folder: Path) -> None:
    tree = ast.parse((folder / "main.py").read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= BESIDE_THE_STANDARD_LIBRARY | sys.stdlib_module_names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_page_explains_every_column_and_how_to_load_it(folder: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    declared = definition(folder)
    assert f'od.load("{declared.id}"' in page
    assert declared.contract is not None
    assert [name for name in declared.contract.field_names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", ["world-airports", "iso-3166-2-subdivisions"])
def test_a_contract_names_the_columns_that_the_producer_gives(name: str) -> None:
    contract = named(name).contract
    assert contract is not None
    produced = producer(name).SCHEMA
    assert contract.arrow_schema().names == produced.names
    assert contract.arrow_schema().types == produced.types


def test_time_series_are_cut_by_year_and_come_due_on_working_days() -> None:
    for name, cron in (
        ("ecb-euro-reference-rates", "30 15 * * 1-5"),
        ("treasury-yield-curve-daily", "0 6 * * 2-6"),
    ):
        declared = named(name)
        assert (declared.time, declared.release.shard) == ("date", Shard.YEAR)
        assert cron_of(declared) == Schedule(cron=cron, enabled=True)


def test_a_derived_data_set_names_its_inputs_and_has_no_clock() -> None:
    declared = named("airports-by-subdivision")
    main = producer("airports-by-subdivision")
    assert {str(other) for other in declared.inputs} == {main.AIRPORTS, main.SUBDIVISIONS}
    assert cron_of(declared) is None


def test_an_accident_keeps_the_real_contract_or_drops_exactly_one_field() -> None:
    for folder in ACCIDENTS:
        real, bad = named(folder.name), definition(folder)
        assert real.contract is not None
        assert bad.contract is not None
        if folder.parents[1].name == "breaking-change":
            assert set(real.contract.fields) - set(bad.contract.fields) == {
                real.contract.field("type")
            }
            assert bad.release.version is None, "the next major is not declared"
        else:
            assert bad == real
