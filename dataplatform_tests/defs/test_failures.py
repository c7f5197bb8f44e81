"""A producer that fails says so in a sentence, is retried where that helps, and is recorded."""

from __future__ import annotations

import pytest

from dataplatform.defs.failures import MAX_RETRIES
from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

STEP = Names(parse_dataset_id(DATASET)).step("candidate")
UNREACHABLE = """
def produce(context):
    context.fetch("https://source.invalid/table.csv")
"""
FIRST_TIME_UNREACHABLE = """
from pathlib import Path

def produce(context):
    tried = Path(__file__).with_name("tried")
    if not tried.exists():
        tried.touch()
        context.fetch("https://source.invalid/table.csv")
    return pa.table({"code": ["a"], "value": [1.0]})
"""


@pytest.mark.requirement("S1-86")
def test_a_main_py_that_fails_on_import_is_named_with_its_line(site: Site) -> None:
    site.write_main("raise RuntimeError('broken on purpose')")
    run = site.run()
    assert run.materialized == []
    assert f"{DATASET}/main.py:3" in run.failures[STEP]
    assert "broken on purpose" in run.failures[STEP]
    assert run.restarted == 0
    [outcome] = site.outcomes()
    assert (outcome.outcome, outcome.failure_class, outcome.run_id) == ("failed", "parse", run.id)


@pytest.mark.requirement("S1-86")
def test_a_failure_says_what_to_type_next(site: Site) -> None:
    site.write_main("def produce(context):\n    return None")
    assert f"→ see its log above, then try again: od run {DATASET}" in site.run().failures[STEP]


@pytest.mark.requirement("S1-86")
def test_a_source_that_does_not_answer_is_tried_again_and_recorded_once(site: Site) -> None:
    site.environ["OPENDATA_MIRROR"] = str(site.root / "empty-mirror")
    site.write_main(UNREACHABLE)
    run = site.run()
    assert run.restarted == MAX_RETRIES
    [outcome] = site.outcomes()
    assert (outcome.outcome, outcome.failure_class) == ("failed", "network")


def test_a_source_that_answers_the_second_time_leaves_no_failure_behind(site: Site) -> None:
    site.environ["OPENDATA_MIRROR"] = str(site.root / "empty-mirror")
    site.write_main(FIRST_TIME_UNREACHABLE)
    run = site.run()
    assert run.succeeded
    assert run.restarted == 1
    assert [outcome.outcome for outcome in site.outcomes()] == ["published"]


@pytest.mark.requirement("S1-86")
def test_a_missing_secret_is_a_matter_of_permission_and_not_tried_again(site: Site) -> None:
    site.write(secrets=["THINGS_API_KEY"])
    run = site.run()
    assert "THINGS_API_KEY" in run.failures[STEP]
    assert run.restarted == 0
    assert site.outcomes()[0].failure_class == "permission"


def test_a_producer_that_takes_too_long_is_stopped(site: Site) -> None:
    site.write_main("import time\ndef produce(context):\n    time.sleep(600)", timeout="1s")
    run = site.run()
    assert "did not finish within 1 s and was stopped" in run.failures[STEP]
    assert site.current() is None


def test_one_data_set_that_fails_does_not_keep_the_next_from_its_release(site: Site) -> None:
    site.write_main("raise RuntimeError")
    site.write(dataset="ns/other")
    names = Names(parse_dataset_id("ns/other"))
    run = site.run(*(key.to_user_string() for key in names.all), f"{DATASET}/candidate")
    assert list(run.failures) == [STEP]
    assert site.current_version("ns/other") == "1.0.0"
