"""A derived data set follows its inputs: once they are published, and may really be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform_tests.defs.bundle_site import PATH, BundleSite
from dataplatform_tests.defs.months import SECTIONS, published_months, write_months
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

DERIVED = "ns/derived"
NAMES = Names(parse_dataset_id(DERIVED))
SUM = """
def produce(context):
    prices = context.inputs["ns/prices"].table()
    return pa.table({"code": prices["code"], "value": prices["value"]})
"""
OTHER = 'code=["a", "b"], value=[1.0, 7.0]'
DUPLICATES = 'code=["a", "a"], value=[1.0, 2.0]'


@dataclass
class Ticks:
    """The automation sensor's ticks on one site."""

    site: Site
    cursor: dg.AutomationConditionCursor | None = None  # type: ignore[name-defined]

    def requested(self) -> set[str]:
        """What this tick asks to be materialized."""
        result: Any = dg.evaluate_automation_conditions(
            defs=self.site.defs(), instance=self.site.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        keys = [key for key in NAMES.all if result.get_num_requested(key)]
        return {key.to_user_string() for key in keys}


@pytest.fixture
def ticks(site: Site) -> Ticks:
    site.write()
    site.write_main(SUM, DERIVED, inputs=[DATASET], frequency="adhoc")
    ticks = Ticks(site)
    assert ticks.requested() == set()
    return ticks


EVERYTHING = {f"{DERIVED}/candidate", f"{DERIVED}/release", DERIVED}


@pytest.mark.requirement("M-4", "M-7")
def test_a_derived_data_set_depends_on_what_its_inputs_publish(ticks: Ticks) -> None:
    specs = ticks.site.defs().resolve_all_asset_specs()
    candidate = next(spec for spec in specs if spec.key == NAMES.candidate)
    assert [dep.asset_key.to_user_string() for dep in candidate.deps] == [DATASET]


@pytest.mark.requirement("M-4")
def test_publishing_an_input_asks_for_the_whole_derived_data_set_once(ticks: Ticks) -> None:
    ticks.site.run()
    assert ticks.requested() == EVERYTHING
    assert ticks.requested() == set()


def test_the_derived_release_says_which_release_it_was_made_from(ticks: Ticks) -> None:
    ticks.site.run()
    run = ticks.site.run(dataset=DERIVED)
    [pinned] = run.metadata(DERIVED)["inputs"].records
    assert (pinned.data["id"], pinned.data["release"]) == (DATASET, "1.0.0")
    assert ticks.site.current_version(DERIVED) == "1.0.0"


SHARDED = """
def produce(context):
    return context.inputs["ns/prices"].table()
"""


@pytest.mark.requirement("M-4")
def test_a_derived_data_set_that_is_cut_by_time_is_built_anew_as_a_whole(site: Site) -> None:
    """An input that moved may change any month, so there is no part of it to ask for."""
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0})
    sections = SECTIONS | {"release": {"shard": "month"}, "inputs": [DATASET]}
    site.write_main(SHARDED, DERIVED, frequency="adhoc", **sections)
    ticks = Ticks(site)
    ticks.requested()
    site.run()
    assert ticks.requested() == EVERYTHING
    assert site.run(dataset=DERIVED).failures == {}
    ticks.requested()
    write_months(site, {"2024-01": 10.0, "2024-02": 2.0})
    assert site.run(partitions="2024-01").failures == {}
    assert ticks.requested() == EVERYTHING
    assert site.run(dataset=DERIVED).failures == {}
    assert published_months(site, DERIVED) == {"2024-01": 10.0, "2024-02": 2.0}


@pytest.mark.requirement("M-10")
def test_an_input_that_was_blocked_asks_for_nothing(ticks: Ticks) -> None:
    ticks.site.run()
    ticks.requested()
    ticks.site.run(dataset=DERIVED)
    ticks.requested()
    ticks.site.write(DUPLICATES)
    ticks.site.run()
    assert ticks.requested() == set()


def test_an_input_without_a_change_asks_for_nothing(ticks: Ticks) -> None:
    ticks.site.run()
    ticks.requested()
    ticks.site.run(dataset=DERIVED)
    ticks.requested()
    ticks.site.run()
    assert ticks.requested() == set()
    ticks.site.write(OTHER)
    ticks.site.run()
    assert ticks.requested() == EVERYTHING


@pytest.mark.requirement("M-10")
def test_an_input_whose_published_check_failed_asks_for_nothing(ticks: Ticks) -> None:
    """The pointer moved, but what it names is damaged: the check of the published asset says so."""
    site = ticks.site
    site.run()
    site.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=Names(parse_dataset_id(DATASET)).published,
            check_name="published",
            passed=False,
            blocking=True,
        )
    )
    assert ticks.requested() == set()
    site.run(
        selection=dg.AssetSelection.checks(Names(parse_dataset_id(DATASET)).check("published"))
    )
    assert ticks.requested() == EVERYTHING


@pytest.fixture
def two(site: Site) -> Ticks:
    site.write()
    site.write(dataset="ns/other")
    site.write_main(SUM, DERIVED, inputs=[DATASET, "ns/other"], frequency="adhoc")
    ticks = Ticks(site)
    ticks.requested()
    for dataset in (DATASET, "ns/other", DERIVED):
        assert site.run(dataset=dataset).succeeded
    ticks.requested()
    return ticks


def without_change(site: Site) -> None:
    assert site.run().succeeded


def blocked_by_its_contract(site: Site) -> None:
    site.write(DUPLICATES)
    assert not site.run().succeeded


def failed_to_build(site: Site) -> None:
    site.write_main("raise RuntimeError")
    assert not site.run().succeeded


def refused_to_freeze(site: Site) -> None:
    site.write('code=["a"]', contract={"fields": [{"name": "code", "type": "string"}]})
    assert not site.run().succeeded


@pytest.mark.parametrize(
    "first", [without_change, blocked_by_its_contract, failed_to_build, refused_to_freeze]
)
def test_an_input_whose_last_run_published_nothing_holds_up_nobody(two: Ticks, first: Any) -> None:
    """Its published release stands, so the other input's new one can be used beside it."""
    first(two.site)
    assert two.requested() == set()
    two.site.write(OTHER, "ns/other")
    assert two.site.run(dataset="ns/other").succeeded
    assert two.requested() == EVERYTHING


def test_the_sensor_behind_it_runs_without_anybody_starting_it(site: Site) -> None:
    [sensor] = [s for s in site.defs().sensors or () if s.name == "derived_datasets"]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


@pytest.mark.requirement("M-5")
def test_a_release_flows_into_the_channel_that_its_data_set_is(tmp_path: Path) -> None:
    bundles = BundleSite(tmp_path)
    bundles.site.write()
    bundles.site.run()
    asked = {"dataset": DATASET, "version": ">=1.0"}
    bundles.specs.push({PATH: bundles.bundle_spec(asked)})
    [run] = bundles.follow()
    assert run.succeeded, run.failures
    channel = dg.AssetKey(["channel_index", *DATASET.split("/")])
    cursor = None
    for value, requested in (("1.0", 0), ("3.0", 1), ("3.0", 0)):
        bundles.site.write(f'code=["a"], value=[{value}]')
        if requested:
            assert bundles.site.run().succeeded
        result: Any = dg.evaluate_automation_conditions(
            defs=bundles.defs(), instance=bundles.instance, cursor=cursor
        )
        cursor = result.cursor
        assert result.get_num_requested(channel) == requested
    alone = bundles.execute(dg.RunRequest(asset_selection=[channel]))
    assert alone.metadata("channel_index/ns/prices")["release"].text.startswith(f"{DATASET}@")
    assert (
        alone.metadata("channel_index/ns/prices")["version"].text == bundles.site.current_version()
    )
