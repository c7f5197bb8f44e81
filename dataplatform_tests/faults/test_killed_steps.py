"""A run of Dagster that is killed inside of its steps leaves one whole release, and can go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.defs.months import published_months, write_months
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.fakes.stores import CrashingStore
from dataplatform_tests.faults.killing import kill_myself, run
from opendata.reading.verify import verify_dataset
from opendata.wire.ids import Reference, parse_dataset_id

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8", "M-4")]

KILLED = -9
NEVER = 10**9
NAMES = Names(parse_dataset_id(DATASET))
MONTHS = [f"2024-{month:02d}" for month in range(1, 7)]
BEFORE: dict[str, float | str] = dict.fromkeys(MONTHS[:4], 1.0)
ASKED = "2024-03..2024-06"
AFTER = {**dict.fromkeys(MONTHS[:2], 1.0), **dict.fromkeys(MONTHS[2:], 2.0)}


def site_in(root: Path, instance: dg.DagsterInstance) -> Site:
    return Site(root, instance=instance)


def kept_instance(root: Path) -> dg.DagsterInstance:
    """An instance whose records outlive the process, as every real one's do."""
    (root / "instance").mkdir(exist_ok=True)
    return dg.DagsterInstance.local_temp(str(root / "instance"))


def back_fill(root: Path, at_write: int, after: bool) -> None:
    """In a process of its own: back-fill four months, and be killed at a write to the store."""
    with kept_instance(root) as instance:
        site = site_in(root, instance)
        ports = site.platform.ports
        store = CrashingStore(ports.store, at_write, after=after, die=kill_myself)
        site.platform = replace(site.platform, ports=replace(ports, store=store))
        assert site.run(partitions=ASKED).failures == {}
    (root / "writes").write_text(str(store.writes))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four months are published, and the source has others since."""
    root = tmp_path_factory.mktemp("template") / "root"
    root.mkdir()
    with kept_instance(root) as instance:
        site = site_in(root, instance)
        write_months(site, BEFORE)
        assert site.run().failures == {}
        write_months(site, dict.fromkeys(MONTHS, 2.0))
    return root


@pytest.fixture(scope="module")
def writes(template: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How often such a back-fill writes to the store."""
    root = shutil.copytree(template, tmp_path_factory.mktemp("count") / "root")
    assert run(back_fill, root, NEVER, False) == 0
    return int((root / "writes").read_text())


def places(writes: int, step: int) -> Iterator[tuple[int, bool]]:
    """At which writes to kill, before or after each in turn, the last one among them."""
    for at_write in range(1, writes + 1, step):
        yield at_write, at_write % 2 == 0
    yield writes, True


def check_killed_at(root: Path, at_write: int, after: bool) -> None:
    assert run(back_fill, root, at_write, after) == KILLED
    with kept_instance(root) as instance:
        site = site_in(root, instance)
        store = site.platform.ports.store
        assert published_months(site) in (BEFORE, AFTER)
        assert verify_dataset(store, Reference(NAMES.dataset), None).damaged == ()
        settle_stale_runs(site)
        go_on(site)
        assert published_months(site) == AFTER
        assert site.current_version() == "1.0.1"
        repair(site.platform.ports, NAMES.dataset)
        assert not any(one.repairable for one in inspect(site.platform.ports, NAMES.dataset))
        assert verify_dataset(store, Reference(NAMES.dataset), None).passed


def settle_stale_runs(site: Site) -> None:
    """What the sensor does within half a minute: the run has failed, and its partitions block."""
    stale_runs = next(s for s in site.defs().sensors or () if s.name == "stale_runs")
    with dg.build_sensor_context(instance=site.instance) as context:
        stale_runs.evaluate_tick(context)
    newest, *_ = site.instance.get_runs(limit=1)
    assert newest.status is dg.DagsterRunStatus.FAILURE


def go_on(site: Site) -> None:
    """As Dagster begins such a run once more: from the step where it stood."""
    [stats] = site.instance.get_run_step_stats(
        site.instance.get_runs(limit=1)[0].run_id, [NAMES.step("candidate")]
    )
    if stats.status is not None and stats.status.value == "SUCCESS":
        rest = dg.AssetSelection.assets(NAMES.release, NAMES.published)
        checks = dg.AssetSelection.checks_for_assets(NAMES.candidate)
        assert site.run(selection=rest | checks).failures == {}
    else:
        refused = site.run(NAMES.release.to_user_string())
        assert f"the last run of {ASKED} failed" in refused.failures[NAMES.step("release")]
        assert site.run(partitions=ASKED).failures == {}


def kill_at_writes(template: Path, folder: Path, writes: int, step: int) -> None:
    assert writes > 15
    for at_write, after in places(writes, step):
        root = folder / f"{at_write}-{after}"
        check_killed_at(shutil.copytree(template, root), at_write, after)


def test_a_back_fill_that_is_killed_inside_of_its_steps_goes_on(
    template: Path, tmp_path: Path, writes: int
) -> None:
    kill_at_writes(template, tmp_path, writes, step=7)


@pytest.mark.long
def test_a_back_fill_that_is_killed_at_any_write_goes_on(
    template: Path, tmp_path: Path, writes: int
) -> None:
    kill_at_writes(template, tmp_path, writes, step=1)
