"""Commits of the spec repository become indexed bundles, in Dagster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from dataplatform.bundles.claims import claim_request, note_run
from dataplatform.bundles.outcomes import read_outcomes
from dataplatform.bundles.requests import BundleRequest
from dataplatform.definitions import build_defs
from dataplatform.defs.asked import AskedBundles, bundles_asked_of
from dataplatform.defs.materialize import follow_commits
from dataplatform.defs.spark_settings import SparkSettings, with_spark_settings
from dataplatform_tests.defs.bundle_site import CHANNEL, PARTITION, PATH, BundleSite
from dataplatform_tests.defs.site import Site
from opendata.wire.errors import NotFound

pytestmark = pytest.mark.platform

CHANNEL_KEY = f"channel_index/{CHANNEL}"
CHECKS = {"completeness", "sync_delay", "storage", "signature"}
OTHER = "bundles/release/other-v2.0.0.yaml"


@pytest.fixture
def site(tmp_path: Path) -> BundleSite:
    return BundleSite(tmp_path)


def keys(defs: dg.Definitions) -> set[str]:
    return {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}


# --- from commit to bundle -----------------------------------------------------------------------


@pytest.mark.requirement("M-5", "M-9", "S0-1", "S0-83")
def test_a_commit_becomes_a_bundle_whose_files_are_listed(site: BundleSite) -> None:
    commit = site.begin()
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert run.materialized == [CHANNEL_KEY, "bundle_index"]
    lock = site.lock()
    assert (lock.spec.commit, lock.total_files) == (commit, 3)
    assert site.instance.get_dynamic_partitions("bundles") == [PARTITION]
    assert read_outcomes(site.store)[PATH].outcome == "indexed"


@pytest.mark.requirement("M-7", "S0-1")
def test_events_show_counts_bytes_preview_and_the_commit(site: BundleSite) -> None:
    commit = site.begin()
    [run] = site.follow()
    channel, bundle = run.metadata(CHANNEL_KEY), run.metadata("bundle_index")
    assert (channel["files"].value, channel["read"].value, channel["engine"].text) == (
        3,
        3,
        "local",
    )
    assert channel["spec_commit"].text == commit
    assert [row.data["relative_path"] for row in channel["preview"].records]
    shown = [column.name for column in channel["preview"].schema.columns]
    assert shown[:2] == ["file_id", "relative_path"]
    assert (bundle["files"].value, bundle["revision"].value) == (3, 1)
    assert bundle["commit"].text == commit
    assert bundle["bytes"].value == site.lock().total_bytes
    [first, *_] = bundle["preview"].records
    assert first.data["relative_path"] == "2025/06/01/00/img_000.jpg"
    assert first.data["timestamp"] == "2025-06-01T00:00:00+00:00"


@pytest.mark.requirement("S0-1")
def test_the_lineage_runs_from_the_spec_commit_through_channels_to_the_bundle(
    site: BundleSite,
) -> None:
    commit = site.begin()
    specs = {spec.key.to_user_string(): spec for spec in site.defs().resolve_all_asset_specs()}
    upstream = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs.items()
    }
    assert upstream["bundle_index"] == {"spec_repo", CHANNEL_KEY}
    assert upstream[CHANNEL_KEY] == {"spec_repo"}
    assert specs["bundle_index"].partitions_def == dg.DynamicPartitionsDefinition(name="bundles")
    [seen] = site.tick().asset_events
    assert (seen.asset_key, seen.tags["dagster/data_version"]) == (dg.AssetKey("spec_repo"), commit)


def test_weekly_bundles_are_late_when_none_has_come_for_two_weeks(site: BundleSite) -> None:
    site.specs.push({OTHER: site.bundle_spec(path=OTHER)})
    site.tick()
    [before] = [spec for spec in site.defs().resolve_all_asset_specs() if spec.partitions_def]
    assert before.freshness_policy is None
    site.begin()
    site.tick()
    [after] = [spec for spec in site.defs().resolve_all_asset_specs() if spec.partitions_def]
    assert after.freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=14, hours=6), warn_window=timedelta(days=7, hours=6)
    )


@pytest.mark.requirement("S0-3", "S0-4")
def test_several_files_a_merge_a_rename_and_a_deletion_are_each_followed(site: BundleSite) -> None:
    site.begin()
    site.follow()
    site.specs.push({OTHER: site.bundle_spec(path=OTHER), PATH: None})
    result = site.tick()
    assert [request.tags["opendata/path"] for request in result.run_requests] == [OTHER]
    assert site.execute(result.run_requests[0]).succeeded
    assert site.lock("other").total_files == 3
    assert site.lock("model").total_files == 3  # what was published stays
    renamed = OTHER.replace("v2.0.0", "v2.1.0")
    site.specs.push({OTHER: None, renamed: site.bundle_spec(path=renamed)})
    assert [run.succeeded for run in site.follow()] == [True]
    assert site.lock("other", "v2.1.0").total_files == 3


def test_a_channel_that_is_not_known_yet_is_indexed_on_the_way_and_shown(site: BundleSite) -> None:
    site.begin()
    defs = site.defs()  # loaded before the new channel was pushed
    site.fill("sounds", count=2)
    site.specs.push(
        {
            "channels/sounds/spec-1.0.0.yaml": site.channel_spec("sounds", version="1.0.0"),
            OTHER: site.bundle_spec({"channel": "sounds", "version": "*"}, path=OTHER),
            PATH: None,
        }
    )
    site.use(defs)
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert run.materialized == ["channel_index/sounds", "bundle_index"]
    assert run.metadata("channel_index/sounds")["files"].value == 2
    site.use(None)
    assert "channel_index/sounds" in keys(site.defs())


def test_what_has_not_changed_is_observed_and_its_channel_keeps_its_version(
    site: BundleSite,
) -> None:
    site.begin()
    site.follow()
    site.specs.push({PATH: f"# a comment\n{site.text(PATH)}"})
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert (run.materialized, run.observed) == ([CHANNEL_KEY], ["bundle_index"])
    assert not run.metadata(CHANNEL_KEY)["changed"].value
    assert run.checks == dict.fromkeys(CHECKS, True)
    assert site.lock().revision == 1


def test_files_that_come_within_the_window_make_a_revision(site: BundleSite) -> None:
    site.begin()
    [first] = site.follow()
    site.fill(count=5)
    [again] = [site.execute(site.request(first))]
    assert again.succeeded, again.failures
    assert again.metadata("bundle_index")["revision"].value == 2
    assert again.metadata(CHANNEL_KEY)["read"].value == 2
    assert site.lock().total_files == 5


def test_a_published_data_set_stands_as_a_channel(site: BundleSite) -> None:
    site.site.write()
    assert site.site.run().succeeded
    asked = {"dataset": "ns/prices", "version": ">=1.0"}
    site.specs.push({OTHER: site.bundle_spec(asked, path=OTHER)})
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert run.materialized == ["channel_index/ns/prices", "bundle_index"]
    specs = {spec.key.to_user_string(): spec for spec in site.defs().resolve_all_asset_specs()}
    [upstream] = specs["channel_index/ns/prices"].deps
    assert upstream.asset_key == dg.AssetKey(["ns", "prices"])
    [entry] = site.lock("other").channels
    assert entry.release == "ns/prices@1.0.0"


def test_a_new_instance_over_an_old_store_shows_what_hooks_have_asked_for(
    site: BundleSite,
) -> None:
    commit = site.begin()
    request = BundleRequest(PATH, commit)
    held = claim_request(site.store, request, "hook", datetime.now(UTC))
    assert note_run(site.store, held, "a run of an instance that is gone")
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert site.instance.get_dynamic_partitions("bundles") == [PARTITION]


# --- failures ------------------------------------------------------------------------------------


def test_a_broken_spec_fails_its_run_with_the_place(site: BundleSite) -> None:
    site.begin()
    site.follow()
    site.specs.push({OTHER: "meta: {bundle_name: other}\nchannels: []\n"})
    [run] = site.follow()
    assert not run.succeeded
    assert f"{OTHER}:1:" in run.failures["bundle_index"]
    assert run.restarted == 0
    assert read_outcomes(site.store)[OTHER].outcome == "failed"


def test_what_cannot_be_resolved_says_why_requirement_by_requirement(site: BundleSite) -> None:
    site.begin()
    asked = ({"channel": CHANNEL, "version": ">=2"}, {"channel": "image_orignal", "version": "*"})
    site.specs.push({PATH: site.bundle_spec(*asked)})
    [run] = site.follow()
    assert not run.succeeded
    told = run.failures["bundle_index"]
    assert f"{CHANNEL} >=2: there are 1.2.0" in told
    assert f"did you mean {CHANNEL!r}?" in told


def test_a_channel_whose_files_are_gone_holds_the_bundle_back_unless_it_may(
    site: BundleSite,
) -> None:
    site.begin()
    missing = {"channels/sounds/spec-1.0.0.yaml": site.channel_spec("sounds", version="1.0.0")}
    needed = {"channel": "sounds", "version": "1.0.0"}
    site.specs.push(
        {**missing, PATH: site.bundle_spec({"channel": CHANNEL, "version": "*"}, needed)}
    )
    [run] = site.follow()
    assert not run.succeeded
    assert "sounds" in run.failures["channel_index__sounds"]
    with pytest.raises(NotFound):
        site.lock()
    optional = {**needed, "required": False, "on_missing": "ignore"}
    site.specs.push({PATH: site.bundle_spec({"channel": CHANNEL, "version": "*"}, optional)})
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert [one.channel for one in site.lock().left_out] == ["sounds"]


def test_a_run_without_a_partition_says_what_it_needs(site: BundleSite) -> None:
    site.begin()
    run = site.execute(dg.RunRequest(asset_selection=[dg.AssetKey("bundle_index")]))
    assert not run.succeeded
    assert "needs a partition" in str(run.failures)


# --- by hand -------------------------------------------------------------------------------------


def test_a_channel_run_alone_is_indexed_at_its_newest_version_or_the_one_asked_for(
    site: BundleSite,
) -> None:
    site.begin()
    older = site.channel_spec(version="1.1.0")
    site.specs.push({f"channels/{CHANNEL}/spec-1.1.0.yaml": older})
    alone = dg.RunRequest(asset_selection=[dg.AssetKey(CHANNEL_KEY.split("/"))])
    assert site.execute(alone).metadata(CHANNEL_KEY)["version"].text == "1.2.0"
    config = {"ops": {"channel_index__image_original": {"config": {"version": "1.1.0"}}}}
    assert site.execute(alone, config).metadata(CHANNEL_KEY)["version"].text == "1.1.0"
    config["ops"]["channel_index__image_original"]["config"]["version"] = "3.0.0"
    told = site.execute(alone, config).failures["channel_index__image_original"]
    assert "has no version 3.0.0; it has 1.2.0, 1.1.0" in told


def test_a_partition_run_by_hand_is_indexed_as_it_is_at_the_head(site: BundleSite) -> None:
    commit = site.begin()
    site.instance.add_dynamic_partitions("bundles", [PARTITION])
    asked = dg.RunRequest(
        asset_selection=[dg.AssetKey("bundle_index")], tags={"dagster/partition": PARTITION}
    )
    run = site.execute(asked)
    assert run.succeeded, run.failures
    assert site.lock().spec.commit == commit


# --- checks --------------------------------------------------------------------------------------


@pytest.mark.requirement("S0-69", "S0-71")
def test_a_complete_bundle_passes_its_checks_for_its_own_partition(site: BundleSite) -> None:
    site.begin(expected={"count": 3})
    [run] = site.follow()
    assert run.checks == dict.fromkeys(CHECKS, True)
    evaluation = run.evaluations["completeness"]
    assert evaluation.partition == PARTITION
    assert evaluation.metadata["completeness"].value == 1.0


@pytest.mark.requirement("S0-68", "S0-69")
def test_a_bundle_with_holes_fails_its_completeness_and_holds_back_what_follows(
    site: BundleSite,
) -> None:
    site.begin(expected={"count": 4})
    [run] = site.follow()
    assert not run.succeeded
    assert run.materialized[-1] == "bundle_index"  # it is published all the same
    evaluation = run.evaluations["completeness"]
    assert (evaluation.passed, evaluation.blocking) == (False, True)
    assert evaluation.description == (f"{CHANNEL}: 75.00% of 4 expected files, at least 99.00%")
    assert run.checks["storage"]


@pytest.mark.requirement("S0-75")
def test_a_file_that_is_lost_fails_the_storage_check_alone(site: BundleSite) -> None:
    site.begin()
    [run] = site.follow()
    (site.root / "lake" / CHANNEL / "2025/06/01/00/img_000.jpg").unlink()
    again = site.check(site.request(run))
    assert again.materialized == []
    assert not again.checks["storage"]
    [row] = again.evaluations["storage"].metadata["files"].records
    assert row.data["problem"] == "it is gone"


@pytest.mark.requirement("S0-71")
def test_a_commit_that_waited_too_long_is_told_and_holds_nothing_back(site: BundleSite) -> None:
    site.fill()
    late = datetime.now(UTC) - timedelta(hours=2)
    site.specs.commit_at = late.isoformat()
    site.begin()
    [run] = site.follow()
    assert run.succeeded, run.failures
    evaluation = run.evaluations["sync_delay"]
    assert (evaluation.passed, evaluation.blocking) == (False, False)
    assert evaluation.severity is dg.AssetCheckSeverity.WARN


# --- what loading does ---------------------------------------------------------------------------


def test_without_a_spec_repository_there_is_a_sensor_that_says_why_it_skips(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    defs = site.defs()
    assert keys(defs) == set()
    with dg.build_sensor_context(site.instance, definitions=defs) as context:
        skipped: Any = defs.resolve_sensor_def("spec_bundle_sensor").evaluate_tick(context)
    assert "OPENDATA_SPEC_REPO" in skipped.skip_message


def test_a_spec_repository_that_is_away_does_not_take_the_data_sets_with_it(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, {"OPENDATA_SPEC_REPO": str(tmp_path / "nowhere.git")})
    site.write()
    assert {"ns/prices", "bundle_index", "spec_repo"} <= keys(site.defs())
    assert site.run().succeeded
    with (
        dg.build_sensor_context(site.instance, definitions=site.defs()) as context,
        pytest.raises(Exception, match="nowhere") as raised,
    ):
        site.defs().resolve_sensor_def("spec_bundle_sensor").evaluate_tick(context)
    assert "nowhere" in str(raised.value.__cause__ or raised.value)


def test_channels_stay_known_from_the_store_when_their_spec_is_gone(site: BundleSite) -> None:
    site.begin()
    site.follow()
    site.specs.push({f"channels/{CHANNEL}/spec-1.2.0.yaml": None, PATH: None})
    site.tick()
    assert CHANNEL_KEY in keys(site.defs())


def test_the_process_of_a_run_has_the_assets_that_the_run_is_of_and_no_others(
    site: BundleSite,
) -> None:
    site.begin()
    site.site.write()
    [request] = site.tick().run_requests
    run = dg.DagsterRun(
        job_name="__ASSET_JOB", asset_selection=frozenset(request.asset_selection or ())
    )
    asked = bundles_asked_of(run)
    assert asked == AskedBundles(True, frozenset({CHANNEL}))
    defs = build_defs(site.site.platform, asked=frozenset(), bundles=asked)
    assert keys(defs) == {CHANNEL_KEY, "bundle_index", "spec_repo"}
    site.use(defs)
    assert site.execute(request).succeeded


# --- without a daemon ----------------------------------------------------------------------------


def test_the_repository_can_be_followed_without_a_daemon(site: BundleSite) -> None:
    commit = site.begin()
    told = follow_commits(site.defs(), site.instance)
    [run] = told["runs"]
    assert (run["bundle"], run["commit"], run["success"]) == (PARTITION, commit, True)
    assert {one["name"] for one in run["checks"]} == CHECKS
    assert [one["asset"] for one in run["materialized"]] == [CHANNEL_KEY, "bundle_index"]
    assert follow_commits(site.defs(), site.instance)["runs"] == []  # it has its run already
    made = site.instance.get_run_by_id(run["run_id"])
    assert made is not None
    assert made.tags["dagster/sensor_name"] == "spec_bundle_sensor"  # so the daemon knows it too


# --- much at once, and Spark ---------------------------------------------------------------------


@pytest.mark.requirement("M-9", "B5")
def test_a_thousand_commits_at_once_are_asked_for_in_parts_each_file_once(
    site: BundleSite,
) -> None:
    site.begin()
    paths = [f"bundles/weekly/m{number:03}-v1.0.0.yaml" for number in range(250)]
    texts = {path: yaml.safe_dump(site.bundle_spec(path=path)) for path in paths}
    site.specs.import_commits(
        [(path, f"# version {turn}\n{texts[path]}") for turn in range(4) for path in paths]
    )
    site.use(site.defs())
    ticks = [site.tick() for _ in range(4)]
    requests = [request for tick in ticks for request in tick.run_requests]
    assert [len(tick.run_requests) for tick in ticks] == [100, 100, 51, 0]
    assert [request.tags["opendata/path"] for request in requests] == [*paths, PATH]
    repo = site.site.platform.bundles.open_spec_repo()
    for request in requests[:5]:
        text = repo.read(request.tags["opendata/path"], request.tags["opendata/commit"])
        assert text.startswith(b"# version 3")
    assert len(site.instance.get_dynamic_partitions("bundles")) == 251
    [selection] = {tuple(request.asset_selection) for request in requests}
    assert dg.AssetKey(CHANNEL_KEY.split("/")) in selection


def test_the_settings_of_spark_reach_its_engine_and_start_nothing(site: BundleSite) -> None:
    ports = site.site.platform.bundles
    engine = SettingsNoted()
    engines = {**ports.channels.engines, "spark": engine}
    ports = replace(ports, channels=replace(ports.channels, engines=engines))
    given = with_spark_settings(ports, SparkSettings(spark_config={"spark.executor.memory": "4g"}))
    assert given.channels.engines["spark"] == ("configured", {"spark.executor.memory": "4g"})
    assert with_spark_settings(ports, SparkSettings()) is ports


@pytest.mark.requirement("B45")
def test_a_resource_of_dagster_pyspark_serves_as_well(site: BundleSite) -> None:
    library = pytest.importorskip("dagster_pyspark")
    ports = site.site.platform.bundles
    engines = {**ports.channels.engines, "spark": SettingsNoted()}
    ports = replace(ports, channels=replace(ports.channels, engines=engines))
    lazy = library.LazyPySparkResource(spark_config={"spark.executor.memory": "4g"})
    given = with_spark_settings(ports, lazy)
    assert given.channels.engines["spark"] == ("configured", {"spark.executor.memory": "4g"})


class SettingsNoted:
    """An engine that says what it was configured with."""

    def configured(self, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return ("configured", config)
