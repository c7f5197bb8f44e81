"""Nothing that the gates have not let through is published, however Dagster is asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform.wiring import Platform
from dataplatform_tests.defs.site import CONTRACT, DATASET, Run, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

CANDIDATE, RELEASE = f"{DATASET}/candidate", f"{DATASET}/release"
NAMES = Names(parse_dataset_id(DATASET))
GOOD = 'code=["a", "b"], value=[1.0, 2.0]'
BETTER = 'code=["a", "b"], value=[1.0, 2.5]'
DUPLICATES = 'code=["a", "a"], value=[1.0, 2.0]'


def quality(rule: dict[str, Any]) -> dict[str, Any]:
    return {"quality": [rule]}


@pytest.mark.requirement("M-6", "M-10", "S4-10")
def test_a_broken_contract_blocks_the_release_and_names_the_rows(site: Site) -> None:
    site.write(DUPLICATES)
    run = site.run()
    assert not run.succeeded
    assert run.materialized == [CANDIDATE]
    assert not run.checks["contract"]
    assert site.current() is None
    verdict = run.evaluations["contract"]
    assert verdict.description == "contract: 1 of 2 rules fail over 2 rows"
    assert "code='a'" in str(verdict.metadata["explanation"].value)
    assert verdict.metadata["failed_rules"].value == 1
    [row, *_] = verdict.metadata["offending_rows"].records
    assert row.data["code"] == "a"
    assert DATASET in str(verdict.metadata["what_to_do"].value)


@pytest.mark.requirement("M-6", "M-10", "S4-45")
def test_a_missed_threshold_blocks_the_release(site: Site) -> None:
    site.write(GOOD, **quality({"metric": "volume", "min": 100}))
    run = site.run()
    assert (run.checks["contract"], run.checks["quality"]) == (True, False)
    assert run.materialized == [CANDIDATE]
    assert site.current() is None


@pytest.mark.requirement("S4-46")
def test_what_queries_cost_is_plotted_over_runs_and_can_block(site: Site) -> None:
    rules = [
        {"metric": "query_latency", "fields": ["code"], "max_ratio": 1_000},
        {"metric": "pruning", "field": "code", "min": 0.5},
    ]
    site.write(GOOD, quality=rules)
    assert site.run().checks["quality"]
    site.write(BETTER, quality=rules)
    run = site.run()
    assert run.checks["quality"]
    ratio = run.evaluations["quality"].metadata["query_latency(code)"].value
    assert isinstance(ratio, float)
    site.write(GOOD, quality=[{"metric": "query_latency", "fields": ["code"], "max_ratio": 0}])
    run = site.run()
    assert not run.checks["quality"]
    assert "at most 0 asked" in str(run.evaluations["quality"].metadata["explanation"].value)


@pytest.mark.requirement("M-10")
@pytest.mark.parametrize("check", ["contract", "quality", "freeze", "published"])
def test_a_blocking_check_is_never_a_mere_warning(site: Site, check: str) -> None:
    site.write(GOOD)
    spec = next(spec for spec in specs(site.defs()) if spec.name == check)
    assert spec.blocking
    evaluation = site.run().evaluations[check]
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR


def specs(defs: dg.Definitions) -> Iterator[dg.AssetCheckSpec]:
    graph = defs.resolve_asset_graph()
    return (graph.get_check_spec(key) for key in graph.asset_check_keys)


def test_what_is_only_told_does_not_block(site: Site) -> None:
    rules = [{"kind": "range", "field": "value", "max": 1, "severity": "warn"}]
    site.write(GOOD, contract=CONTRACT | {"rules": rules})
    run = site.run()
    assert run.succeeded
    assert run.checks["contract"]
    told = run.evaluations["warnings"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.metadata["count"].value == 1
    assert site.current_version() == "1.0.0"


@pytest.mark.requirement("B15")
def test_advice_on_the_definition_is_told_beside_them(site: Site) -> None:
    site.write(GOOD, license="Public Domain")
    told = site.run().evaluations["warnings"]
    assert "CC0-1.0" in str(told.metadata["advice"].records)
    assert site.current_version() == "1.0.0"


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_closed_gate_is_a_recorded_outcome(site: Site) -> None:
    site.write(DUPLICATES)
    run = site.run()
    [outcome] = site.outcomes()
    assert (outcome.outcome, outcome.run_id) == ("failed", run.id)
    assert "contract" in outcome.message


@pytest.mark.requirement("M-10", "B46")
def test_publishing_alone_after_a_failed_check_is_refused(site: Site) -> None:
    site.write(GOOD)
    site.run()
    site.write(DUPLICATES)
    site.run()
    assert "has not been let through" in refused(site.run(DATASET))
    assert site.current_version() == "1.0.0"


@pytest.mark.requirement("M-10", "B46")
def test_freezing_alone_after_a_failed_check_is_refused_by_a_failed_check(site: Site) -> None:
    site.write(DUPLICATES)
    site.run()
    run = site.run(RELEASE)
    assert "said no to candidate" in refused(run)
    assert run.checks == {"freeze": False}


@pytest.mark.requirement("M-10", "B46")
@pytest.mark.parametrize("rows", [GOOD, DUPLICATES])
def test_a_run_without_its_checks_is_refused(site: Site, rows: str) -> None:
    site.write(rows)
    run = site.run(selection=dg.AssetSelection.assets(*NAMES.all).without_checks())
    assert run.materialized == [CANDIDATE]
    assert "the contract gate has no verdict on candidate" in refused(run)
    assert site.current() is None


@pytest.mark.requirement("M-10", "B46")
def test_a_newer_candidate_that_nobody_checked_does_not_ride_on_an_older_pass(site: Site) -> None:
    site.write(GOOD)
    site.run(CANDIDATE, RELEASE)
    site.write(BETTER)
    site.run(selection=dg.AssetSelection.assets(NAMES.candidate).without_checks())
    assert "has not been let through" in refused(site.run(DATASET))
    assert "no verdict" in refused(site.run(RELEASE))
    assert site.current() is None


@pytest.mark.requirement("M-10")
def test_nothing_to_publish_is_refused_with_what_to_run(site: Site) -> None:
    site.write(GOOD)
    assert f"materialize {DATASET}/candidate first" in refused(site.run(DATASET))
    assert f"materialize {DATASET}/candidate first" in refused(site.run(RELEASE))
    site.run(CANDIDATE)
    assert f"materialize {DATASET}/release first" in refused(site.run(DATASET))


@pytest.mark.requirement("M-10")
def test_a_check_that_crashes_is_no_pass(site: Site) -> None:
    site.write(GOOD)
    break_the_shards(site)
    run = site.run()
    assert run.materialized == [CANDIDATE]
    assert "contract" not in run.checks
    assert site.current() is None
    assert "no verdict" in refused(site.run(RELEASE))
    assert site.outcomes()[0].outcome == "failed"


def break_the_shards(site: Site) -> None:
    """Make the contract's engine crash: it is handed a file that is not there."""
    platform = site.platform
    ports = replace(platform.ports, shard_path=lambda entry: "/nowhere.parquet")
    site.__dict__["platform"] = Platform(platform.settings, ports, platform.producers)


@pytest.mark.requirement("S4-15", "M-10")
def test_a_breaking_change_is_a_failed_freeze_that_says_what_to_declare(site: Site) -> None:
    site.write(GOOD)
    site.run()
    fields = [{"name": "code", "type": "string", "nullable": False}]
    site.write('code=["a", "b"]', contract={"primary_key": ["code"], "fields": fields})
    run = site.run()
    assert (run.checks["contract"], run.checks["freeze"]) == (True, False)
    assert "2.0.0" in str(run.evaluations["freeze"].metadata["hint"].value)
    assert site.current_version() == "1.0.0"
    assert "breaks readers" in site.outcomes()[0].message


def test_publishing_alone_after_a_pass_is_fine(site: Site) -> None:
    site.write(GOOD)
    site.run(CANDIDATE, RELEASE)
    assert refused(site.run(DATASET)) == ""
    assert site.current_version() == "1.0.0"


def refused(run: Run) -> str:
    """Why the run's release or publish was refused; empty where it was not."""
    said = [said for step, said in run.failures.items() if not step.endswith("__checks")]
    return "\n".join(said)


@dataclass(frozen=True)
class LastingRuns:
    """Runs of one site in an instance on disk, where runs can be run again."""

    site: Site
    instance: dg.DagsterInstance

    def execute(self, options: dg.ReexecutionOptions | None = None) -> Any:
        job = dg.build_reconstructable_job(__name__, "the_job", (str(self.site.root),))
        return dg.execute_job(job, instance=self.instance, reexecution_options=options)

    def from_failure(self, failed: Any) -> Any:
        return self.execute(dg.ReexecutionOptions.from_failure(failed.run_id, self.instance))

    def from_steps(self, failed: Any, *steps: str) -> Any:
        selected = [NAMES.step(step) for step in steps]
        return self.execute(dg.ReexecutionOptions(failed.run_id, selected))


def the_job(root: str) -> dg.JobDefinition:
    """Dagster makes a job anew to run it again, from a function's name and its arguments."""
    return Site(Path(root)).defs().resolve_job_def("datasets")


@pytest.fixture
def lasting(site: Site) -> Iterator[LastingRuns]:
    with dg.instance_for_test() as instance:
        yield LastingRuns(site, instance)


def published_in(result: Any) -> bool:
    events = result.get_asset_materialization_events()
    return any(event.asset_key == NAMES.published for event in events)


@pytest.mark.requirement("M-10", "B46")
def test_running_failed_steps_again_does_not_let_the_same_candidate_through(
    site: Site, lasting: LastingRuns
) -> None:
    site.write(DUPLICATES)
    failed = lasting.execute()
    again = lasting.from_failure(failed)
    assert not again.success
    assert not published_in(again)
    assert site.current() is None


@pytest.mark.requirement("M-10", "B46")
@pytest.mark.parametrize("steps", [["published"], ["release", "published"], ["release"]])
def test_running_late_steps_again_does_not_go_round_the_gate(
    site: Site, lasting: LastingRuns, steps: list[str]
) -> None:
    site.write(DUPLICATES)
    failed = lasting.execute()
    again = lasting.from_steps(failed, *steps)
    assert not again.success
    assert not published_in(again)
    assert site.current() is None


@pytest.mark.requirement("M-10")
def test_a_publish_that_was_interrupted_is_resumed_by_running_it_again(
    site: Site, lasting: LastingRuns
) -> None:
    site.write(GOOD)
    pointer = site.root / "store" / "datasets" / DATASET / "latest.json"
    pointer.mkdir(parents=True)  # nothing can be published where a folder stands in the way
    failed = lasting.execute()
    assert not failed.success
    pointer.rmdir()
    again = lasting.from_failure(failed)
    assert again.success
    assert published_in(again)
    assert site.current_version() == "1.0.0"
