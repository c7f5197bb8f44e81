"""A data set that is cut by time is asked for part by part, and released as a whole."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform.releases.publish import move_back
from dataplatform_tests.defs.months import MAIN, SECTIONS, published_months, write_months
from dataplatform_tests.defs.site import DATASET, Run, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
CANDIDATE = NAMES.candidate.to_user_string()
SOURCE: dict[str, float | str] = {f"2024-{month:02d}": float(month) for month in range(1, 7)}


def grid(site: Site) -> Any:
    [spec] = [s for s in site.defs().resolve_all_asset_specs() if s.key == NAMES.candidate]
    return spec.partitions_def


def built(run: Run) -> list[str | None]:
    """The partitions of the candidate that a run says it has built; None is a whole one."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    events = [event for event in run.result.all_events if event.event_type is kind]
    return [event.partition for event in events if event.asset_key == NAMES.candidate]


def said(site: Site, run: Run) -> str:
    return "\n".join(entry.user_message for entry in site.instance.all_logs(run.id))


FIRST_TWO = {
    "year": ("2023", "2024"),
    "month": ("2023-11", "2023-12"),
    "day": ("2023-11-30", "2023-12-01"),
}


@pytest.mark.requirement("M-4")
@pytest.mark.parametrize("shard", FIRST_TWO)
def test_partitions_are_named_as_shards_and_the_running_one_can_be_asked_for(
    site: Site, shard: str
) -> None:
    first, second = FIRST_TWO[shard]
    write_months(site, SOURCE, release={"shard": shard, "since": "2023-11-30"})
    before = f"{site.platform.ports.now():%Y-%m-%d}"
    names = grid(site).get_partition_keys()
    after = f"{site.platform.ports.now():%Y-%m-%d}"  # another day, at midnight
    assert names[:2] == [first, second]
    assert names[-1] in {day[: len(first)] for day in (before, after)}


def test_without_a_word_partitions_begin_where_the_published_data_begins(site: Site) -> None:
    sections = {"release": {"shard": "month"}}
    write_months(site, SOURCE | {"1987-05": 1.0}, **sections)
    assert grid(site).get_first_partition_key() == "2000-01"
    site.run()
    assert grid(site).get_first_partition_key() == "1987-05"


def test_a_store_that_does_not_answer_keeps_nothing_from_loading(site: Site) -> None:
    write_months(site, SOURCE, release={"shard": "month"})
    (site.root / "store").mkdir()
    (site.root / "store" / "index.json").write_text("{")
    assert grid(site).get_first_partition_key() == "2000-01"


def test_only_what_is_cut_by_time_and_made_of_no_other_data_set_has_partitions(site: Site) -> None:
    write_months(site, SOURCE, release={"shard": "none"})
    assert grid(site) is None
    write_months(site, SOURCE, inputs=["ns/other"], schedule=None)
    assert grid(site) is None


@pytest.mark.requirement("M-4")
def test_a_back_fill_of_many_months_is_one_release(site: Site) -> None:
    write_months(site, SOURCE)
    run = site.run(partitions="2024-02..2024-05")
    assert run.failures == {}
    assert built(run) == ["2024-02", "2024-03", "2024-04", "2024-05"]
    assert "asked from 2024-02-01 00:00:00+00:00 to 2024-05-31 23:59:59.999999+00:00" in said(
        site, run
    )
    assert published_months(site) == {f"2024-{month:02d}": float(month) for month in range(2, 6)}
    assert site.current_version() == "1.0.0"


@pytest.mark.parametrize("partitions", ["2024-02..2024-03", None])
def test_each_partition_says_how_many_rows_it_has(site: Site, partitions: str | None) -> None:
    write_months(site, {"2024-02": 1.0, "2024-03": 1.0})
    site.run(partitions=partitions)
    for month in ("2024-02", "2024-03"):
        records = dg.AssetRecordsFilter(asset_key=NAMES.candidate, asset_partitions=[month])
        [record] = site.instance.fetch_materializations(records, limit=1).records
        assert record.asset_materialization is not None
        assert record.asset_materialization.metadata["dagster/partition_row_count"].value == 1


def test_a_partition_takes_no_more_than_its_own_part_even_of_a_first_build(site: Site) -> None:
    write_months(site, SOURCE)
    site.write_main(MAIN.replace("continue", "pass"), **SECTIONS)
    site.run(partitions="2024-03")
    assert published_months(site) == {"2024-03": 3.0}


@pytest.mark.requirement("M-4", "S4-28")
def test_a_late_month_is_run_again_alone_and_becomes_a_patch(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    before = site.current()
    write_months(site, SOURCE | {"2024-03": 33.0})
    run = site.run(partitions="2024-03")
    assert (run.failures, built(run)) == ({}, ["2024-03"])
    after = site.current()
    assert before is not None and after is not None
    assert site.current_version() == "1.0.1"
    assert published_months(site)["2024-03"] == 33.0
    changed = {e.name for e in after.manifest.files} - {
        e.name for e in after.manifest.files if e in before.manifest.files
    }
    assert changed == {"2024-03"}


def test_parts_that_are_built_by_several_runs_are_released_together(site: Site) -> None:
    write_months(site, SOURCE)
    for month in ("2024-01", "2024-03", "2024-05..2024-06"):
        assert site.run(CANDIDATE, partitions=month).succeeded
    assert site.current() is None
    assert site.run(selection=_checks() | _rest()).failures == {}
    assert list(published_months(site)) == ["2024-01", "2024-03", "2024-05", "2024-06"]
    assert site.current_version() == "1.0.0"


def test_parts_upon_a_release_are_put_together_until_the_next_one(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    write_months(site, dict.fromkeys(SOURCE, 100.0))
    site.run(CANDIDATE, partitions="2024-01")
    site.run(partitions="2024-06")
    assert published_months(site) == SOURCE | {"2024-01": 100.0, "2024-06": 100.0}
    write_months(site, dict.fromkeys(SOURCE, 200.0))
    site.run(partitions="2024-02")
    assert published_months(site)["2024-01"] == 100.0
    assert published_months(site)["2024-02"] == 200.0


def test_parts_are_let_go_and_said_to_be_when_something_newer_was_published(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    write_months(site, SOURCE | {"2024-01": 100.0})
    site.run(CANDIDATE, partitions="2024-01")
    write_months(site, SOURCE | {"2024-01": 111.0})
    site.released_elsewhere()
    run = site.run(partitions="2024-06")
    assert "what only it held has to be built again" in said(site, run)
    assert published_months(site)["2024-01"] == 111.0


def test_what_was_rolled_back_is_not_brought_back_by_the_next_part(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    write_months(site, SOURCE | {"2024-01": 100.0})
    site.run(partitions="2024-01")
    first = site.current()
    assert first is not None
    move_back(site.platform.ports, NAMES.dataset, type(first.version)(1, 0, 0))
    write_months(site, SOURCE | {"2024-06": 66.0})
    site.run(partitions="2024-06")
    assert published_months(site) == SOURCE | {"2024-06": 66.0}


@pytest.mark.requirement("M-4")
def test_a_month_that_failed_blocks_the_release_and_is_named(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    write_months(site, SOURCE | {"2024-02": "x", "2024-03": 33.0})
    failed = site.run(partitions="2024-02")
    [message] = failed.failures.values()
    assert message.startswith("2024-02: ") and "the source has no page for 2024-02" in message
    run = site.run(partitions="2024-03")
    assert run.checks["freeze"] is False
    assert "ns/prices: the last run of 2024-02 failed" in run.failures[NAMES.step("release")]
    assert f"materialize {CANDIDATE} for 2024-02 again" in run.failures[NAMES.step("release")]
    assert site.current_version() == "1.0.0"


def test_a_month_that_failed_blocks_no_more_once_it_was_built(site: Site) -> None:
    write_months(site, SOURCE | {"2024-02": "x"})
    site.run(partitions="2024-02")
    write_months(site, SOURCE | {"2024-02": 22.0})
    site.run(CANDIDATE, partitions="2024-03")
    assert site.run(partitions="2024-02").failures == {}
    assert published_months(site) == {"2024-02": 22.0, "2024-03": 3.0}


def test_months_that_failed_block_no_more_once_everything_was_built(site: Site) -> None:
    write_months(site, SOURCE | {"2024-02": "x"})
    site.run(partitions="2024-01..2024-04")
    write_months(site, SOURCE)
    run = site.run()
    assert run.failures == {}
    assert published_months(site) == SOURCE


def test_a_month_that_failed_blocks_although_the_data_set_is_cut_by_years_by_now(
    site: Site,
) -> None:
    write_months(site, SOURCE | {"2023-12": 1.0, "2024-02": "x"})
    site.run(partitions="2024-02")
    site.run(CANDIDATE, partitions="2024-03")
    by_years = {"release": {"shard": "year", "since": "2023-01-01"}}
    write_months(site, SOURCE | {"2023-12": 1.0}, **by_years)
    refused = site.run(partitions="2023")
    said = refused.failures[NAMES.step("release")]
    assert "the last run of 2024-02 failed" in said
    assert f"materialize {CANDIDATE} without a partition: by now it is cut by year" in said
    assert site.run().failures == {}
    assert published_months(site) == {"2023-12": 1.0} | SOURCE
    assert site.run(partitions="2023").failures == {}


def test_parts_that_are_pending_stay_when_the_data_set_is_cut_by_years(site: Site) -> None:
    write_months(site, SOURCE)
    site.run(CANDIDATE, partitions="2024-02..2024-03")
    by_years = {"release": {"shard": "year", "since": "2023-01-01"}}
    write_months(site, {"2023-11": 1.0, "2023-12": 2.0}, **by_years)
    assert site.run(partitions="2023").failures == {}
    assert published_months(site) == {
        "2023-11": 1.0,
        "2023-12": 2.0,
        "2024-02": 2.0,
        "2024-03": 3.0,
    }
    current = site.current()
    assert current is not None
    assert [entry.name for entry in current.manifest.files] == ["2023", "2024"]


def test_a_failed_check_names_the_months_of_the_offending_rows(site: Site) -> None:
    write_months(site, SOURCE | {"2024-02": -2.0, "2024-04": -4.0})
    run = site.run(partitions="2024-01..2024-06")
    assert run.checks["contract"] is False
    assert run.evaluations["contract"].metadata["partitions"].value == "2024-02, 2024-04"
    assert site.current() is None
    write_months(site, SOURCE)
    site.run(CANDIDATE, partitions="2024-02")
    site.run(partitions="2024-04")
    assert published_months(site) == SOURCE


@pytest.mark.requirement("M-4")
def test_a_month_without_rows_is_built_and_keeps_nothing_back(site: Site) -> None:
    """`main.py` says so with a table that has the columns and no rows."""
    write_months(site, {"2024-01": 1.0, "2024-03": 3.0})
    site.run(CANDIDATE, partitions="2024-01")
    without = site.run(CANDIDATE, partitions="2024-02")
    assert (without.failures, built(without)) == ({}, ["2024-02"])
    assert without.metadata(CANDIDATE)["dagster/partition_row_count"].value == 0
    assert site.run(partitions="2024-03").failures == {}
    assert published_months(site) == {"2024-01": 1.0, "2024-03": 3.0}


def test_a_month_that_lost_its_rows_is_not_taken_away_by_its_own_run(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    left = {month: value for month, value in SOURCE.items() if month != "2024-03"}
    write_months(site, left)
    refused = site.run(partitions="2024-03")
    assert "where 1 are now" in refused.failures[NAMES.step("candidate")]
    assert published_months(site) == SOURCE
    assert site.run().failures == {}
    assert published_months(site) == left


def test_a_run_without_a_partition_asks_for_everything_and_shows_what_it_built(site: Site) -> None:
    write_months(site, SOURCE | {"1987-05": 1.0})
    first = site.run()
    assert "asked from None to None" in said(site, first)
    assert built(first) == [*SOURCE, None]
    assert "1987-05" in published_months(site)
    write_months(site, SOURCE | {"1987-05": 1.0, "2024-03": 33.0})
    assert built(site.run()) == ["2024-03", None]


def test_an_interval_and_a_partition_exclude_each_other(site: Site) -> None:
    write_months(site, SOURCE)
    run = site.run(partitions="2024-01", config={"start": "2024-01-05"})
    [message] = run.failures.values()
    assert "is of the partition 2024-01 and has `start` or `end` as well" in message


def test_an_interval_may_be_asked_for_as_of_any_other_data_set(site: Site) -> None:
    write_months(site, SOURCE)
    assert site.run(config={"start": "2024-01-05", "end": "2024-03-31"}).failures == {}
    assert list(published_months(site)) == ["2024-01", "2024-02", "2024-03"]


def test_force_goes_with_a_partition(site: Site) -> None:
    write_months(site, SOURCE)
    site.run()
    assert site.run(partitions="2024-01").observed != []
    assert site.run(partitions="2024-01", config={"force": True}).failures == {}
    assert site.current_version() == "1.0.1"


APPENDING = """
import datetime
import pyarrow.compute as pc

LAST_MONTH = {last}

def produce(context):
    previous = context.previous.table() if context.previous else None
    newest = pc.max(previous["day"]).as_py() if previous is not None else datetime.date.min
    days = [datetime.date(2024, month, 15) for month in range(1, LAST_MONTH + 1)]
    fresh = [day for day in days if day > newest]
    context.log.info("%d rows are fresh", len(fresh))
    table = pa.table({{"day": pa.array(fresh, pa.date32()), "value": [1.0] * len(fresh)}})
    return pa.concat_tables([previous, table]) if previous is not None else table
"""


@pytest.mark.requirement("M-4")
def test_a_producer_can_append_to_what_it_published_before(site: Site) -> None:
    write_months(site, {})
    site.write_main(APPENDING.format(last=3), **SECTIONS)
    site.run()
    before = site.current()
    site.write_main(APPENDING.format(last=4), **SECTIONS)
    run = site.run()
    after = site.current()
    assert "1 rows are fresh" in said(site, run)
    assert before is not None and after is not None
    assert after.manifest.files[:3] == before.manifest.files
    assert built(run) == ["2024-04", None]
    assert list(published_months(site)) == ["2024-01", "2024-02", "2024-03", "2024-04"]


def test_two_runs_at_once_cannot_lose_each_others_part(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool keeps them apart; where somebody widened it, the later one is built again."""
    from dataplatform.defs import candidate

    write_months(site, SOURCE)
    really, meanwhile = candidate.build, iter([True])

    def interrupted(*arguments: Any) -> Any:
        found = really(*arguments)
        if next(meanwhile, False):
            assert site.run(CANDIDATE, partitions="2024-05").succeeded
        return found

    monkeypatch.setattr(candidate, "build", interrupted)
    run = site.run(partitions="2024-02")
    assert run.restarted == 1
    assert list(published_months(site)) == ["2024-02", "2024-05"]


def _checks() -> dg.AssetSelection:
    return dg.AssetSelection.checks_for_assets(NAMES.candidate)


def _rest() -> dg.AssetSelection:
    return dg.AssetSelection.assets(NAMES.release, NAMES.published)
