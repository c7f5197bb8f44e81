"""A thousand producers: what loading, launching a run and looking in vain cost.

Producers are folders of two files, as `producer_folders` writes them; three in a hundred are
broken. Everything is measured from an empty process, because that is what starts each time.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cases import CPU_SECONDS, Action, Case, Goal
from benchmarks.producer_folders import write_producers
from benchmarks.proportional import memory_of_group

FULL = 1_000
QUERIES = {
    "all_assets": "{ assetNodes { id assetKey { path } groupName opNames jobNames kinds "
    "dependencyKeys { path } hasMaterializePermission isPartitioned } }",
    "workspace": "{ workspaceOrError { ... on Workspace { locationEntries { name "
    "locationOrLoadError { ... on RepositoryLocation { repositories { id name "
    "schedules { id name scheduleState { status } } sensors { id name } jobs { name } "
    "assetGroups { groupName } } } } } } } }",
}
ONE = "space-01/stations-0001"
DAGSTER = str(Path(sys.executable).with_name("dagster"))


def prepare(folder: Path, scale: float) -> None:
    """The folders of producers, and what the control room needs beside them."""
    if not (folder / "producers").exists():
        write_producers(folder / "producers", max(40, int(FULL * scale)))
    root = Path(__file__).resolve().parents[1]
    for name in ("dagster.yaml", "workspace.yaml"):
        (folder / name).write_text((root / name).read_text())


def load_all(folder: Path) -> Action:
    """Import, build, resolve and serialize all that the control room is told."""

    def action() -> dict[str, float]:
        os.chdir(folder)
        from dagster._core.remote_representation.external_data import RepositorySnap
        from dagster._serdes import serialize_value

        from dataplatform.definitions import defs

        repository = defs.get_repository_def()
        repository.load_all_definitions()
        return {"snapshot_bytes": len(serialize_value(RepositorySnap.from_def(repository)))}

    return action


def start_run(*, all_of_them: bool) -> Callable[[Path], Action]:
    """What a run's process does before its first step: load, and take its part of the job."""

    def contender(folder: Path) -> Action:
        def action() -> None:
            os.chdir(folder)
            from dataplatform.defs.names import Names
            from dataplatform.wiring import from_settings
            from opendata.wire.ids import parse_dataset_id

            one = parse_dataset_id(ONE)
            _unloaded_definitions(folder)
            from dataplatform.definitions import build_defs

            asked = None if all_of_them else frozenset({one})
            repository = build_defs(from_settings(), asked=asked).get_repository_def()
            repository.get_maybe_subset_job_def(
                "datasets", asset_selection=frozenset(Names(one).all)
            )

        return action

    return contender


def _unloaded_definitions(folder: Path) -> None:
    """Import the module of definitions where it finds none, so that only what follows counts."""
    empty = folder / "nothing"
    empty.mkdir(exist_ok=True)
    os.environ["OPENDATA_PRODUCERS"] = str(empty)
    importlib.import_module("dataplatform.definitions")
    os.environ["OPENDATA_PRODUCERS"] = "producers"


def validate(folder: Path) -> Action:
    """`dagster definitions validate`, which starts a code server and asks it for everything."""
    command = [DAGSTER, "definitions", "validate", "-w", "workspace.yaml"]
    environment = {**os.environ, "DAGSTER_HOME": str(folder)}
    return lambda: subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True
    )


def prepare_ticks(folder: Path, scale: float) -> None:
    """As before, with a catalogue in which every data set is published."""
    prepare(folder, scale)
    from opendata.wire import keys

    store = folder / ".opendata" / "store"
    store.mkdir(parents=True, exist_ok=True)
    (store / keys.INDEX).write_text(json.dumps(_catalogue(folder)))


def _catalogue(folder: Path) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    entry: dict[str, Any] = {
        "title": "Stations", "description": "Readings.", "topics": [], "license": "CC-BY-4.0",
        "release": "1.0.0", "generation": 1, "updated_at": at, "row_count": 60,
        "size_bytes": 4096, "min_date": None, "max_date": None, "health": {"status": "ok"},
    }  # fmt: skip
    ids = (f"{path.parent.name}/{path.name}" for path in sorted(folder.glob("producers/*/*")))
    datasets = [{"id": each, "namespace": each.partition("/")[0], **entry} for each in ids]
    return {"generated_at": at, "datasets": datasets}


def look_in_vain(sensor: str) -> Callable[[Path], Action]:
    """A tick that finds nothing: its processor time alone, with everything loaded before."""

    def contender(folder: Path) -> Action:
        os.chdir(folder)
        import dagster as dg

        from dataplatform.definitions import defs

        warnings.simplefilter("ignore", dg.BetaWarning)
        instance = dg.DagsterInstance.ephemeral()
        tick = (
            _automation(defs, instance)
            if sensor == "automation"
            else _sensor(defs, instance, sensor)
        )
        tick()  # the first look may have something to remember

        def action() -> dict[str, float]:
            began = time.process_time()
            tick()
            return {"tick_cpu_seconds": time.process_time() - began}

        return action

    return contender


def _sensor(defs: Any, instance: Any, name: str) -> Callable[[], object]:
    import dagster as dg

    [sensor] = [each for each in defs.sensors if each.name == name]
    catalogue = json.loads(Path(".opendata/store/index.json").read_text())
    seen = json.dumps({each["id"]: each["generation"] for each in catalogue["datasets"]})
    context = dg.build_sensor_context(instance=instance, cursor=seen, definitions=defs)
    return lambda: sensor.evaluate_tick(context)


def _automation(defs: Any, instance: Any) -> Callable[[], object]:
    import dagster as dg

    first = dg.evaluate_automation_conditions(defs=defs, instance=instance)
    return lambda: dg.evaluate_automation_conditions(
        defs=defs, instance=instance, cursor=first.cursor
    )


def live_with(folder: Path) -> Action:
    """`dagster dev`: until it answers, what its pages ask first, and what all of it keeps."""
    from dataplatform_tests.servers.control_room import running_control_room

    def action() -> dict[str, float]:
        began = time.perf_counter()
        shutil.rmtree(folder / ".opendata", ignore_errors=True)
        with running_control_room(folder) as room:
            figures = {"until_it_answers_seconds": time.perf_counter() - began}
            for name, query in QUERIES.items():
                room.ask(query)  # the first time, pages are compiled and states are read
                began = time.perf_counter()
                room.ask(query)
                figures[f"{name}_seconds"] = time.perf_counter() - began
            return figures | {"kept_bytes": memory_of_group(room.process.pid)}

    return action


CASES = (
    Case(
        name="producers-load",
        title="1,000 producers: from an empty process to all that the control room is told",
        prepare=prepare,
        contenders={"load all": load_all, "dagster definitions validate": validate},
        goals=(Goal("processor seconds", CPU_SECONDS, "load all", at_most=15),),
        versions=("dagster",),
        notes="The snapshot is serialized, too. `validate` adds a client and a server process.",
    ),
    Case(
        name="producers-run",
        title="1,000 producers: what a run's process does before its first step",
        prepare=prepare,
        contenders={
            "the run's own": start_run(all_of_them=False),
            "all of them": start_run(all_of_them=True),
        },
        goals=(
            Goal("processor seconds, own to all", CPU_SECONDS, "the run's own", "all of them", 0.4),
        ),
        versions=("dagster",),
    ),
    Case(
        name="producers-room",
        title="1,000 producers: living with `dagster dev`",
        prepare=prepare,
        contenders={"dagster dev": live_with},
        goals=(
            Goal("until it answers, s", "until_it_answers_seconds", "dagster dev", at_most=60),
            Goal("all assets, s", "all_assets_seconds", "dagster dev", at_most=5),
            Goal("the workspace, s", "workspace_seconds", "dagster dev", at_most=5),
            Goal("memory of all its processes", "kept_bytes", "dagster dev", at_most=2e9),
        ),
        versions=("dagster", "dagster-webserver"),
        notes="The second of two queries; memory is proportional, so that shared pages count once.",
    ),
    Case(
        name="producers-ticks",
        title="1,000 published data sets: a look of the platform's sensors that finds nothing",
        prepare=prepare_ticks,
        contenders={
            name: look_in_vain(name) for name in ("published_elsewhere", "stale_runs", "automation")
        },
        goals=(
            Goal("published_elsewhere, s", "tick_cpu_seconds", "published_elsewhere", at_most=0.1),
            Goal("stale_runs, s", "tick_cpu_seconds", "stale_runs", at_most=0.1),
            Goal("derived_datasets, s", "tick_cpu_seconds", "automation", at_most=3),
        ),
        versions=("dagster",),
    ),
)
