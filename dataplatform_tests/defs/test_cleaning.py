"""Retention and collection by night: what a job removes, and what it only marks."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataplatform.settings import read_settings
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire import keys
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import parse_dataset_id

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-89", "B2")]
ID = parse_dataset_id(DATASET)
DAY_SECONDS = 86_400.0


def run_job(site: Site, name: str, config: dict[str, Any] | None = None) -> Any:
    job = site.defs().resolve_job_def(name)
    return job.execute_in_process(
        instance=site.instance, raise_on_error=False, run_config=config or {}
    )


def collect(site: Site, **config: bool) -> Any:
    return run_job(site, "collect", {"ops": {"collect_objects": {"config": config}}})


def make_older(site: Site, prefix: str, days: float) -> None:
    """Move what lies below a prefix into the past."""
    store = site.platform.ports.store
    for stat in [*store.list(prefix)]:
        path = store.local_path(stat.key)
        assert path is not None
        written = os.stat(path).st_mtime
        os.utime(path, (written - days * DAY_SECONDS,) * 2)


def leave_orphan(site: Site) -> str:
    key = keys.object_key("ab" * 32)
    site.platform.ports.store.put(key, b"left by a killed build")
    make_older(site, keys.OBJECTS, 2)
    return key


def staged(site: Site) -> set[str]:
    return {stat.key.split("/")[3] for stat in site.platform.ports.store.list(keys.STAGING)}


def test_both_run_by_themselves_and_remove_no_object_unless_asked(site: Site) -> None:
    repository = site.defs().get_repository_def()
    found = {schedule.name: schedule for schedule in repository.schedule_defs}
    for name in ("retention_schedule", "collect_schedule"):
        assert found[name].default_status is dg.DefaultScheduleStatus.RUNNING
    for setting, applies in (("", False), ("mark", False), ("apply", True)):
        other = Site(site.root, {"OPENDATA_GC": setting}, site.instance)
        with dg.build_schedule_context(site.instance) as context:
            [schedule] = [
                one
                for one in other.defs().get_repository_def().schedule_defs
                if one.name == "collect_schedule"
            ]
            [request] = schedule.evaluate_tick(context).run_requests
        assert request.run_config["ops"]["collect_objects"]["config"]["apply"] is applies


def test_retention_keeps_what_was_released_and_what_may_be_built_upon(site: Site) -> None:
    site.write()
    site.run()
    released = staged(site)
    site.write('code=["a"], value=[None]', quality=[
        {"metric": "completeness", "field": "value", "min": 0.5}
    ])  # fmt: skip
    assert not site.run().succeeded
    failed = staged(site) - released
    site.write('code=["a"], value=[3.0]')
    site.run(f"{DATASET}/candidate")
    pending = staged(site) - released - failed
    make_older(site, keys.STAGING, 31)
    result = run_job(site, "retention")
    assert result.success
    assert (len(released), len(failed), len(pending)) == (1, 1, 1)
    assert staged(site) == released | pending


def test_retention_names_what_it_could_not_look_at_and_goes_on(site: Site) -> None:
    site.write()
    site.write(dataset="ns/other")
    for dataset in (DATASET, "ns/other"):
        site.run(dataset=dataset)
    store, other = site.platform.ports.store, parse_dataset_id("ns/other")
    store.put(keys.verdict_key(other, "ab" * 32, "contract"), b"{}")
    make_older(site, keys.STAGING, 31)
    store.put(keys.pointer_key(ID), b"damaged")
    result = run_job(site, "retention")
    [event] = [e for e in result.all_events if e.is_step_failure]
    assert DATASET in event.step_failure_data.user_failure_data.description
    assert not any("ab" * 32 in stat.key for stat in store.list(keys.STAGING))


def test_the_nightly_collection_only_marks(site: Site) -> None:
    assert collect(site).success  # nothing is published yet
    site.write()
    site.run()
    orphan = leave_orphan(site)
    for _ in range(2):
        assert collect(site).success
        make_older(site, keys.COLLECTION_MARKS, 1)
    assert site.platform.ports.store.stat(orphan) is not None
    assert [*site.platform.ports.store.list(keys.COLLECTION_MARKS)]


def test_a_collection_that_is_asked_to_removes_and_says_what(site: Site) -> None:
    site.write()
    site.run()
    orphan = leave_orphan(site)
    assert collect(site).success
    make_older(site, keys.COLLECTION_MARKS, 1)
    refused = collect(site, apply=True)
    [event] = [e for e in refused.all_events if e.is_step_failure]
    assert "od gc --apply --force" in event.step_failure_data.user_failure_data.description
    done = collect(site, apply=True, force=True)
    assert done.success
    assert site.platform.ports.store.stat(orphan) is None
    assert site.current_version() == "1.0.0"


def test_the_settings_are_read_or_refused(tmp_path: Path) -> None:
    assert read_settings({"OPENDATA_RETENTION": "2w"}, tmp_path).retention == timedelta(days=14)
    assert read_settings({}, tmp_path).retention == timedelta(days=30)
    for wrong in ({"OPENDATA_RETENTION": "1h"}, {"OPENDATA_RETENTION": "x"}, {"OPENDATA_GC": "on"}):
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            read_settings(wrong, tmp_path)
