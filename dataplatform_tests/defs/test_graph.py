"""What the graph says about the producers in a folder, good and broken, before anything has run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
README = "# Prices\n\nWhat things cost.\n\n## How it is made\n\nBy asking."


def spec_of(site: Site, key: dg.AssetKey) -> dg.AssetSpec:
    return next(spec for spec in site.defs().resolve_all_asset_specs() if spec.key == key)


def keys(site: Site) -> set[str]:
    return {spec.key.to_user_string() for spec in site.defs().resolve_all_asset_specs()}


@pytest.mark.requirement("M-4", "S1-13")
def test_two_files_in_a_folder_are_three_assets_without_a_line_of_python(site: Site) -> None:
    assert keys(site) == set()
    site.write()
    assert keys(site) == {f"{DATASET}/candidate", f"{DATASET}/release", DATASET}


@pytest.mark.requirement("M-4", "M-7")
def test_the_graph_says_what_a_data_set_is(site: Site) -> None:
    folder = site.write(
        owners=["a@example.org", "team:prices", "a-handle"], topics=["prices", "利率"]
    )
    (folder / "README.md").write_text(README)
    spec = spec_of(site, NAMES.published)
    assert spec.group_name == "ns"
    assert spec.description == "# Prices\n\nWhat things cost."
    assert spec.owners == ["a@example.org", "team:prices"]
    assert spec.metadata["owners"] == "a@example.org, team:prices, a-handle"
    assert spec.kinds == {"parquet"}
    assert spec.tags["license"] == "CC0-1.0"
    assert "topic/prices" in spec.tags
    assert spec.metadata["topics"] == "prices, 利率"
    assert spec.metadata["repo"].value == "https://github.com/example/prices"
    assert spec.code_version == site.producer().code_version


def test_the_declared_columns_show_before_the_first_run(site: Site) -> None:
    site.write()
    [code, value] = spec_of(site, NAMES.published).metadata["dagster/column_schema"].columns
    assert (code.name, code.constraints.unique) == ("code", True)
    assert (value.type, value.tags) == ("float64", {"unit": "percent"})


def test_the_graph_leads_to_the_two_files_and_the_repository(site: Site) -> None:
    folder = site.write()
    references = spec_of(site, NAMES.candidate).metadata["dagster/code_references"]
    assert [reference.source for reference in references.code_references] == [
        f"{folder / 'main.py'}:1",
        f"{folder / 'opendata.yaml'}:1",
        "https://github.com/example/prices",
    ]


@pytest.mark.parametrize(
    ("frequency", "late_after_hours"), [("hourly", 8), ("daily", 54), ("monthly", 1494)]
)
def test_a_look_at_the_source_is_late_after_two_intervals(
    site: Site, frequency: str, late_after_hours: int
) -> None:
    site.write(frequency=frequency)
    policy = spec_of(site, NAMES.candidate).freshness_policy
    assert policy is not None
    assert policy.fail_window.to_timedelta().total_seconds() == late_after_hours * 3600


def test_nothing_is_late_where_nobody_said_how_often(site: Site) -> None:
    site.write(frequency="adhoc")
    assert spec_of(site, NAMES.candidate).freshness_policy is None


def test_one_download_at_a_time_asks_a_provider(site: Site) -> None:
    site.write()
    site.write(dataset="other/prices", source={"provider": "bureau of things"})
    steps = {name: node.pool for name, node in _nodes(site).items()}
    assert steps["ns__prices__candidate"] == steps["other__prices__candidate"]
    assert steps["ns__prices__candidate"] == "source/bureau_of_things"
    assert steps["ns__prices__release"] is None


def _nodes(site: Site) -> dict[str, Any]:
    job = site.defs().resolve_implicit_global_asset_job_def()
    return {node.name: node for node in job.all_node_defs}


@pytest.mark.requirement("M-6", "M-10")
def test_the_blocking_checks_have_their_names(site: Site) -> None:
    site.write()
    graph = site.defs().resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {(s.asset_key.to_user_string(), s.name) for s in specs if s.blocking} == {
        (f"{DATASET}/candidate", "contract"),
        (f"{DATASET}/candidate", "quality"),
        (f"{DATASET}/release", "freeze"),
        (DATASET, "published"),
    }


@pytest.mark.requirement("S1-13")
def test_a_broken_definition_is_shown_at_its_place_and_alone(site: Site) -> None:
    broken = site.write(dataset="ns/broken")
    (broken / "opendata.yaml").write_text("id: ns/broken\ntitel: Prices\n")
    site.write()
    assert keys(site) == {"ns/broken", f"{DATASET}/candidate", f"{DATASET}/release", DATASET}
    spec = spec_of(site, dg.AssetKey(["ns", "broken"]))
    assert spec.group_name == "ns"
    assert "opendata.yaml:2:1: unknown key `titel`" in str(spec.description)
    places = [record.data["place"] for record in spec.metadata["findings"].records]
    assert any(place.endswith("ns/broken/opendata.yaml:2:1") for place in places)
    assert site.run().succeeded


@pytest.mark.requirement("S1-13")
def test_a_broken_definition_fails_with_its_findings_when_it_is_run(site: Site) -> None:
    broken = site.write(dataset="ns/broken")
    (broken / "opendata.yaml").write_text("id: ns/broken\ntitel: Prices\n")
    run = site.run("ns/broken", dataset="ns/broken")
    assert run.materialized == []
    assert run.checks == {"definition": False}
    [said] = run.failures.values()
    assert "opendata.yaml:2:1: unknown key `titel`" in said


def no_main(folder: Path) -> None:
    (folder / "main.py").unlink()


def no_yaml(folder: Path) -> None:
    (folder / "opendata.yaml").unlink()


def no_text(folder: Path) -> None:
    (folder / "opendata.yaml").write_bytes(b"\xff\xfe\x00")


def a_bomb(folder: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{n}: &{n} [*{p}, *{p}, *{p}, *{p}, *{p}]"
        for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (folder / "opendata.yaml").write_text("\n".join(lines))


def another_id(folder: Path) -> None:
    text = (folder / "opendata.yaml").read_text().replace("id: ns/broken", f"id: {DATASET}")
    (folder / "opendata.yaml").write_text(text)


@pytest.mark.requirement("S1-13")
@pytest.mark.parametrize("breaking", [no_main, no_yaml, no_text, a_bomb, another_id])
def test_no_way_to_break_a_producer_takes_the_others_down(site: Site, breaking: Any) -> None:
    breaking(site.write(dataset="ns/broken"))
    site.write()
    defs = site.defs()
    dg.Definitions.validate_loadable(defs)
    assert spec_of(site, dg.AssetKey(["ns", "broken"])).kinds == {"broken"}
    assert spec_of(site, NAMES.published).kinds == {"parquet"}


@pytest.mark.parametrize("folder", ["Ns/Preise", "ns/a_b", "ns/a.b", "ns/ä b", "n s/a--b", "ns/-"])
def test_a_folder_that_is_no_id_is_shown_as_broken_and_alone(site: Site, folder: str) -> None:
    site.write(dataset=folder)
    site.write()
    site.write(dataset="ns/a-b")
    dg.Definitions.validate_loadable(site.defs())
    specs = list(site.defs().resolve_all_asset_specs())
    [broken] = [spec for spec in specs if spec.kinds == {"broken"}]
    assert f"{folder}/opendata.yaml:1:1: the folder name" in str(broken.description)
    assert len(specs) == 7


def test_loading_runs_no_producer(site: Site) -> None:
    site.write_main("from pathlib import Path\nPath(__file__).with_name('ran').touch()")
    dg.Definitions.validate_loadable(site.defs())
    assert not list(site.root.rglob("ran"))


def test_an_empty_folder_of_producers_loads(site: Site) -> None:
    dg.Definitions.validate_loadable(site.defs())
