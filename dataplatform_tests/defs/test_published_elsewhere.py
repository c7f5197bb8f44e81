"""What was published without Dagster is shown by it too, once, and never twice."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform.releases.derive import derive_copies
from dataplatform.releases.publish import move_back
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
OTHER = 'code=["a", "b"], value=[1.0, 7.0]'
THIRD = 'code=["a", "b"], value=[1.0, 8.0]'


@dataclass
class Ticks:
    """The sensor's ticks on one site, each with its events stored as the daemon stores them."""

    site: Site
    cursor: str | None = None

    def news(self) -> list[Any]:
        defs = self.site.defs()
        [sensor] = [s for s in defs.sensors or () if s.name == "published_elsewhere"]
        context = dg.build_sensor_context(
            instance=self.site.instance, cursor=self.cursor, definitions=defs
        )
        result: Any = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        for event in result.asset_events:
            self.site.instance.report_runless_asset_event(event)
        return list(result.asset_events)

    def releases(self) -> list[tuple[str, str]]:
        """The materializations among the news: which asset, which release."""
        return [
            (event.asset_key.to_user_string(), str(event.metadata["release"].value))
            for event in self.news()
            if isinstance(event, dg.AssetMaterialization)
        ]


@pytest.fixture
def ticks(site: Site) -> Ticks:
    site.write()
    return Ticks(site)


def test_an_empty_store_is_no_news(ticks: Ticks) -> None:
    assert ticks.news() == []


def test_what_dagster_itself_published_is_no_news(ticks: Ticks) -> None:
    ticks.site.run()
    assert ticks.news() == []


@pytest.mark.requirement("M-7")
def test_a_release_by_hand_is_shown_with_its_checks_and_metadata(ticks: Ticks) -> None:
    ticks.site.released_elsewhere()
    news = ticks.news()
    materialized = [e for e in news if isinstance(e, dg.AssetMaterialization)]
    checked = {e.check_name: e.passed for e in news if isinstance(e, dg.AssetCheckEvaluation)}
    assert [e.asset_key for e in materialized] == [NAMES.release, NAMES.published]
    assert checked == {"freeze": True, "published": True}
    shown = materialized[-1].metadata
    assert (shown["release"].value, shown["generation"].value) == ("1.0.0", 1)
    assert shown["frozen_by"].value == "od by-hand"
    assert shown["dagster/row_count"].value == 2


def test_the_same_release_is_told_once(ticks: Ticks) -> None:
    ticks.site.released_elsewhere()
    assert len(ticks.releases()) == 2
    assert ticks.news() == []


def test_a_lost_cursor_tells_nothing_again(ticks: Ticks) -> None:
    ticks.site.released_elsewhere()
    ticks.news()
    ticks.cursor = None
    assert ticks.news() == []


def test_several_moves_between_two_looks_are_all_told_in_their_order(ticks: Ticks) -> None:
    ticks.site.run()
    for rows in (OTHER, THIRD):
        ticks.site.write(rows)
        ticks.site.released_elsewhere()
    release = f"{DATASET}/release"
    assert ticks.releases() == [
        (release, "1.0.1"), (DATASET, "1.0.1"), (release, "1.0.2"), (DATASET, "1.0.2"),
    ]  # fmt: skip


def test_a_rollback_is_shown_as_a_move_and_not_as_a_release(ticks: Ticks) -> None:
    site = ticks.site
    site.run()
    site.write(OTHER)
    site.run()
    move_back(site.platform.ports, NAMES.dataset, parse_version("1.0.0"))
    derive_copies(site.platform.ports, NAMES.dataset)
    assert ticks.releases() == [(DATASET, "1.0.0")]


def test_a_release_underway_in_dagster_is_left_to_dagster(ticks: Ticks) -> None:
    site = ticks.site
    site.released_elsewhere()
    run = site.instance.create_run_for_job(
        site.defs().resolve_job_def("datasets"), asset_selection=frozenset(NAMES.all)
    )
    site.instance.handle_new_event(_started(run))
    assert ticks.news() == []
    site.instance.report_run_canceled(run)
    assert len(ticks.releases()) == 2


def _started(run: dg.DagsterRun) -> dg.EventLogEntry:
    return dg.EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run.run_id,
        timestamp=0.0,
        dagster_event=dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name),
    )


@pytest.mark.requirement("M-10")
def test_what_was_published_by_hand_does_not_vouch_for_an_older_candidate(ticks: Ticks) -> None:
    site = ticks.site
    site.run(f"{DATASET}/candidate")
    site.write(OTHER)
    site.released_elsewhere()
    ticks.news()
    run = site.run(DATASET)
    assert "has not been let through" in "".join(run.failures.values())


def test_a_release_by_hand_wakes_what_is_derived_from_it(ticks: Ticks) -> None:
    site = ticks.site
    site.write_main(
        "def produce(context):\n    return context.inputs['ns/prices'].table()",
        "ns/derived",
        inputs=[DATASET],
        frequency="adhoc",
    )
    first = dg.evaluate_automation_conditions(defs=site.defs(), instance=site.instance)
    site.released_elsewhere()
    ticks.news()
    second = dg.evaluate_automation_conditions(
        defs=site.defs(), instance=site.instance, cursor=first.cursor
    )
    assert second.total_requested == 3


def test_an_input_without_a_producer_here_wakes_what_is_derived_from_it(ticks: Ticks) -> None:
    """Pushed from elsewhere, it is known by its pointer alone."""
    site = ticks.site
    site.released_elsewhere()
    shutil.rmtree(site.root / "producers" / DATASET)
    site.write_main(
        "def produce(context):\n    return context.inputs['ns/prices'].table()",
        "ns/derived",
        inputs=[DATASET],
        frequency="adhoc",
    )
    first = dg.evaluate_automation_conditions(defs=site.defs(), instance=site.instance)
    assert ticks.releases() == [(DATASET, "1.0.0")]
    second = dg.evaluate_automation_conditions(
        defs=site.defs(), instance=site.instance, cursor=first.cursor
    )
    assert second.total_requested == 3
    assert site.run(dataset="ns/derived").succeeded


def test_a_damaged_history_is_told_in_the_log_and_hides_no_other_data_set(ticks: Ticks) -> None:
    site = ticks.site
    site.write(dataset="ns/other")
    for dataset in (DATASET, "ns/other"):
        site.released_elsewhere(dataset)
    (site.root / "store" / "datasets" / DATASET / "latest.json").write_text("{}")
    assert {asset for asset, _ in ticks.releases()} == {"ns/other/release", "ns/other"}
