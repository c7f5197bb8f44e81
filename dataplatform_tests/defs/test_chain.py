"""A data set's whole way in Dagster: build, gates, freeze, publish; and what is said on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterInvalidConfigError

from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

CANDIDATE, RELEASE = f"{DATASET}/candidate", f"{DATASET}/release"
NAMES = Names(parse_dataset_id(DATASET))
BY_DAY = """
import datetime

def produce(context):
    context.log.info("asked from %s to %s", context.start, context.end)
    days = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
    return pa.table({"day": days, "value": [1.0, 2.0, 3.0]})
"""
TIMED: dict[str, Any] = {"contract": None, "time": "day", "release": {"shard": "month"}}


@pytest.mark.requirement("M-1", "M-4", "M-6", "S1-13", "S1-90")
def test_two_files_become_a_release_that_readers_get(site: Site) -> None:
    site.write()
    run = site.run()
    assert run.failures == {}
    assert run.materialized == [CANDIDATE, RELEASE, DATASET]
    assert run.checks == {
        "contract": True, "quality": True, "warnings": True, "freeze": True, "published": True,
    }  # fmt: skip
    assert site.current_version() == "1.0.0"


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_run_leaves_its_outcome_where_pages_and_lists_show_it(site: Site) -> None:
    site.write()
    run = site.run()
    [outcome] = site.outcomes()
    assert (outcome.outcome, outcome.release) == ("published", "1.0.0")
    assert (outcome.run_id, outcome.by) == (run.id, "dagster")


@pytest.mark.requirement("S1-82", "S1-83", "S1-84", "S1-85", "M-7")
def test_the_published_asset_says_what_it_holds(site: Site) -> None:
    site.write()
    metadata = site.run().metadata(DATASET)
    current = site.current()
    assert current is not None
    shown = {name: value.value for name, value in metadata.items()}
    assert shown["release"] == "1.0.0"
    assert shown["generation"] == 1
    assert shown["dagster/row_count"] == 2
    assert shown["content_hash"] == current.manifest.integrity.content_hash
    assert shown["dagster/uri"] == f"{site.platform.ports.store.url}/datasets/{DATASET}/"
    [code, value] = shown["dagster/column_schema"].columns
    assert (code.type, code.constraints.nullable, code.constraints.unique) == (
        "string",
        False,
        True,
    )
    assert value.description == "What it costs; unit: percent"
    assert [record.data for record in metadata["preview"].records] == [
        {"code": "a", "value": 1.0},
        {"code": "b", "value": 2.0},
    ]


@pytest.mark.requirement("S4-28", "M-7")
def test_the_next_release_says_what_it_changes(site: Site) -> None:
    site.write()
    site.run()
    site.write('code=["a", "c"], value=[1.5, 3.0]')
    metadata = site.run().metadata(DATASET)
    assert metadata["release"].value == "1.0.1"
    assert metadata["diff"].value == "against 1.0.0: 1 added, 1 removed, 1 changed"
    changes = {record.data["key"]: record.data for record in metadata["diff_samples"].records}
    assert changes["code=a"] == {
        "change": "changed", "key": "code=a", "column": "value", "old": 1.0, "new": 1.5,
    }  # fmt: skip
    assert {changes["code=b"]["change"], changes["code=c"]["change"]} == {"removed", "added"}


@pytest.mark.requirement("S4-50", "S4-51", "S4-56", "S4-70", "S4-77", "S4-95")
def test_both_assets_say_what_a_release_means_for_its_readers(site: Site) -> None:
    fields = [{"name": "code", "type": "string"}, {"name": "value", "type": "double"}]
    contract = {"primary_key": ["code"], "fields": fields}
    site.write(contract=contract)
    site.run()
    renamed = [fields[0], {"name": "price", "type": "double", "aliases": ["value"]}]
    rows = 'code=["a", "b"], price=[1.0, 2.0]'
    site.write(rows, contract=contract | {"fields": renamed})
    run = site.run()
    assert site.current_version() == "1.1.0"
    told = run.metadata(RELEASE)["changelog"].value
    assert told.splitlines()[0] == "- Column `value` is called `price` now."
    published = run.metadata(DATASET)
    assert published["changelog"].value == told
    assert published["freeze_state"].value.startswith("soft until ")
    verdicts = {
        line.data["reader"]: (line.data["verdict"], line.data["adapters"])
        for line in published["compatibility"].records
    }
    assert verdicts == {
        "1.0.0": ("compatible_with_adapter", "fields_alias"),
        "1.1.0": ("compatible", ""),
    }


@pytest.mark.requirement("M-7")
def test_the_data_version_is_the_content_and_the_code_version_the_two_files(site: Site) -> None:
    site.write()
    site.run()
    current = site.current()
    event = site.instance.get_latest_data_version_record(NAMES.published)
    assert current is not None and event is not None and event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == current.manifest.integrity.content_hash
    assert tags["dagster/code_version"] == site.producer().code_version


@pytest.mark.requirement("B46", "S1-86")
def test_no_change_means_no_release_and_a_green_run(site: Site) -> None:
    site.write()
    site.run()
    run = site.run()
    assert run.failures == {}
    assert run.materialized == [CANDIDATE]
    assert run.observed == [RELEASE, DATASET]
    assert run.checks["freeze"]
    assert run.skipped == [NAMES.step("published")]
    assert site.current_version() == "1.0.0"
    assert [outcome.outcome for outcome in site.outcomes()] == ["unchanged", "published"]


def test_force_releases_what_has_not_changed(site: Site) -> None:
    site.write()
    site.run()
    assert site.run(config={"force": True}).failures == {}
    assert site.current_version() == "1.0.1"


def test_a_run_may_ask_for_an_interval(site: Site) -> None:
    site.write_main(BY_DAY, **TIMED)
    site.run()
    site.write_main(BY_DAY.replace("[1.0, 2.0, 3.0]", "[10.0, 20.0, 30.0]"), **TIMED)
    run = site.run(config={"start": "2024-01-02", "end": "2024-01-02"})
    assert run.failures == {}
    assert run.metadata(DATASET)["diff"].value == "against 1.0.0: 1 added, 1 removed, 0 changed"
    shown = [record.data["value"] for record in run.metadata(DATASET)["preview"].records]
    assert shown == [1.0, 20.0, 3.0]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"start": "yesterday"}, "'yesterday' is no date; write a date such as 2024-01-31"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, "ends (2024-01-01) before it starts"),
    ],
)
def test_an_interval_that_makes_no_sense_is_refused_with_a_sentence(
    site: Site, config: dict[str, str], said: str
) -> None:
    site.write()
    assert said in site.run(config=config).failures[NAMES.step("candidate")]


def test_a_misspelt_setting_of_a_run_is_refused_before_it_begins(site: Site) -> None:
    site.write()
    with pytest.raises(DagsterInvalidConfigError, match="forse"):
        site.run(config={"forse": True})


@pytest.mark.requirement("S1-86")
def test_what_main_py_says_arrives_in_the_run_log_line_by_line(site: Site) -> None:
    site.write_main(
        """
        def produce(context):
            print("a plain line")
            context.log.warning("a warning")
            return pa.table({"code": ["a"], "value": [1.0]})
        """
    )
    run = site.run()
    entries = site.instance.all_logs(run.id)
    said = {entry.user_message: entry.level for entry in entries if not entry.is_dagster_event}
    assert said["a plain line"] == 20
    assert said["a warning"] == 30


def test_a_candidate_alone_publishes_nothing(site: Site) -> None:
    site.write()
    run = site.run(CANDIDATE)
    assert run.materialized == [CANDIDATE]
    assert site.current_version() is None


def test_steps_that_run_one_by_one_make_the_same_release(site: Site) -> None:
    site.write()
    for asset in (CANDIDATE, RELEASE, DATASET):
        assert site.run(asset).failures == {}
    assert site.current_version() == "1.0.0"


def test_publishing_again_changes_nothing_and_says_so(site: Site) -> None:
    site.write()
    site.run()
    run = site.run(DATASET)
    assert (run.failures, run.materialized, run.observed) == ({}, [], [DATASET])


def test_a_check_that_runs_alone_freezes_and_publishes_nothing(site: Site) -> None:
    site.write()
    site.run(CANDIDATE)
    for name, passed in {"freeze": False, "published": False}.items():
        run = site.run(selection=dg.AssetSelection.checks(NAMES.check(name)))
        assert run.checks == {name: passed}
        assert run.materialized == []
    assert site.current() is None


def test_checks_that_run_alone_pass_on_what_was_released(site: Site) -> None:
    site.write()
    site.run()
    for name in ("contract", "quality", "freeze", "published"):
        run = site.run(selection=dg.AssetSelection.checks(NAMES.check(name)))
        assert (run.checks, run.failures) == ({name: True}, {})


@pytest.mark.requirement("S4-10", "M-10")
def test_the_check_of_the_published_asset_sees_a_damaged_manifest(
    site: Site, tmp_path: Path
) -> None:
    site.write()
    site.run()
    [manifest] = (tmp_path / "store").glob(f"datasets/{DATASET}/releases/*.json")
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes().replace(b"percent", b"permill"))
    run = site.run(selection=dg.AssetSelection.checks(NAMES.check("published")))
    assert run.checks == {"published": False}
    assert "corrupt" in str(run.evaluations["published"].description)
