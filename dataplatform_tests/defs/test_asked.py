"""The process of a run loads the data sets that the run is of, and not the thousand others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.stats import StepEventStatus
from dagster._grpc.types import ExecuteRunArgs

from dataplatform.definitions import build_defs
from dataplatform.defs.asked import (
    ALL,
    AskedBundles,
    asked_of,
    bundles_asked_of,
    run_of_this_process,
)
from dataplatform.defs.names import Names
from dataplatform_tests.defs.months import write_months
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.scale.parts import parts_of
from dataplatform_tests.scale.storm import Storm, a_moment_ago, cron_at
from dataplatform_tests.scale.watching import watching
from dataplatform_tests.servers.control_room import eventually
from opendata.wire.ids import parse_dataset_id

PRICES = parse_dataset_id(DATASET)
OTHER = parse_dataset_id("ns/other")


def run(*keys: dg.AssetKey, job: str = "datasets", checks: tuple[str, ...] = ()) -> dg.DagsterRun:
    return dg.DagsterRun(
        job_name=job,
        asset_selection=frozenset(keys) or None,
        asset_check_selection=frozenset(Names(PRICES).check(name) for name in checks) or None,
    )


def test_a_run_is_of_the_data_sets_that_it_selects() -> None:
    assert asked_of(run(*Names(PRICES).all)) == {PRICES}
    assert asked_of(run(Names(PRICES).published, Names(OTHER).candidate)) == {PRICES, OTHER}


def test_checks_that_run_alone_are_of_their_data_set() -> None:
    assert asked_of(run(checks=("contract",))) == {PRICES}


def test_a_run_without_a_selection_is_of_all() -> None:
    assert asked_of(run()) is ALL


@pytest.mark.parametrize(
    "job", ["repair", "harden", "rollback", "bundle_watch", "bundle_retention"]
)
def test_looking_after_releases_is_of_none_because_it_goes_by_what_is_stored(job: str) -> None:
    assert asked_of(run(job=job)) == frozenset()


@pytest.mark.parametrize("path", [["ns"], ["ns", "Broken_1a2b3c4d"], ["ns", "prices", "else"]])
def test_what_is_no_data_set_of_ours_is_looked_for_among_all(path: list[str]) -> None:
    assert asked_of(run(dg.AssetKey(path), *Names(PRICES).all)) is ALL


def test_a_process_that_executes_no_run_is_asked_for_all() -> None:
    assert run_of_this_process() is None
    assert asked_of(None) is ALL
    assert bundles_asked_of(None) is None


def test_a_run_of_bundles_is_of_the_channels_that_it_selects_and_of_no_data_set() -> None:
    index, images = dg.AssetKey("bundle_index"), dg.AssetKey(["channel_index", "images"])
    airports = dg.AssetKey(["channel_index", "ns", "prices"])
    of_bundles = run(index, images, airports)
    assert asked_of(of_bundles) == frozenset()
    assert bundles_asked_of(of_bundles) == AskedBundles(True, frozenset({"images", "ns/prices"}))
    assert asked_of(run(images, *Names(PRICES).all)) == {PRICES}


def test_a_run_of_data_sets_has_nothing_to_do_with_bundles() -> None:
    assert bundles_asked_of(run(*Names(PRICES).all)) == AskedBundles()
    assert bundles_asked_of(run(checks=("contract",))) == AskedBundles()
    assert bundles_asked_of(run()) is None


@pytest.mark.platform
def test_definitions_of_some_hold_nothing_else_and_still_run(site: Site) -> None:
    site.write()
    site.write_main(
        "def produce(context):\n    return context.inputs['ns/prices'].table()",
        "ns/other",
        inputs=[DATASET],
    )
    assert site.run().succeeded
    defs = build_defs(site.platform, asked=frozenset({OTHER}))
    repository = defs.get_repository_def()
    assert repository.asset_graph.executable_asset_keys == set(Names(OTHER).all)
    job = repository.get_maybe_subset_job_def(
        "datasets", asset_selection=frozenset(Names(OTHER).all)
    )
    assert job.execute_in_process(instance=site.instance).success
    assert site.current_version("ns/other") == "1.0.0"


@pytest.mark.platform
def test_repair_runs_without_any_data_set_loaded(site: Site) -> None:
    site.write()
    defs = build_defs(site.platform, asked=frozenset())
    job = defs.get_repository_def().get_job("repair")
    assert job.execute_in_process(instance=site.instance).success


@pytest.mark.real
@pytest.mark.requirement("M-4", "S0-89")
def test_the_process_of_a_launched_run_does_not_open_the_other_producers(tmp_path: Path) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    tick = a_moment_ago()
    own = site.write(schedule=cron_at(tick)) / "opendata.yaml"
    other = site.write(dataset="ns/other") / "opendata.yaml"
    parts = parts_of(tmp_path)
    with (
        watching(own) as to_own,
        watching(other) as to_other,
        parts.instance() as instance,
        parts.code_server(),
    ):
        assert (to_own.times_opened(), to_other.times_opened()) == (1, 1)  # the code server, all
        storm = Storm([DATASET], tick, instance, parts)
        storm.make_due()
        with parts.daemon():
            eventually(storm.ended, "the run has ended")
        assert storm.runs() == {Names(PRICES).schedule: ["SUCCESS"]}
        assert to_own.times_opened() > 0
        assert to_other.times_opened() == 0


def queued_command(
    site: Site, instance: dg.DagsterInstance, job: str = "datasets", **tags: str
) -> list[str]:
    """A run in the instance, and the command by which launchers of containers start it."""
    code = ReconstructableRepository.for_module("dataplatform.definitions", "defs", str(site.root))
    origin = code.get_reconstructable_job(job).get_python_origin()
    created = instance.create_run_for_job(
        site.defs().resolve_job_def(job),
        asset_selection=frozenset(Names(PRICES).all),
        job_code_origin=origin,
        tags=tags,
    )
    told = ExecuteRunArgs(origin, created.run_id, instance.get_ref())
    _dagster, *words = told.get_command_args()
    return [sys.executable, "-m", "dagster", *words]


@pytest.mark.real
def test_a_run_that_another_launcher_starts_by_command_opens_only_its_own(tmp_path: Path) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    site.write()
    other = site.write(dataset="ns/other") / "opendata.yaml"
    parts = parts_of(tmp_path)
    with parts.instance() as instance, watching(other) as to_other:
        command = queued_command(site, instance)
        to_other.times_opened()
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert to_other.times_opened() == 0
        assert site.current_version() == "1.0.0"


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("renamed"))


def misspell(folder: Path) -> None:
    (folder / "opendata.yaml").write_text("id: ns/prices\ntitel: Prices\n")


@pytest.mark.real
@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove, "has no producer ns/prices"),
        (rename, "has no producer ns/prices"),
        (misspell, "producers/ns/prices/opendata.yaml:2:1: unknown key `titel`"),
    ],
)
def test_a_producer_that_went_away_while_its_run_was_queued_is_told_with_its_place(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    folder = write_months(site, {"2024-01": 1.0})
    with parts_of(tmp_path).instance() as instance:
        command = queued_command(site, instance, "__ASSET_JOB", **{"dagster/partition": "2024-01"})
        spoil(folder)
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        # A step said so: a run that fails without one is begun once more.
        ended = {each.step_key: each.status for each in instance.get_run_step_stats(run.run_id)}
        assert ended[Names(PRICES).step("candidate")] is StepEventStatus.FAILURE
    [outcome] = site.outcomes()
    assert said in outcome.message
