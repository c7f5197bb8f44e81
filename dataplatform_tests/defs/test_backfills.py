"""Back-fills as the UI starts them, by the daemon and in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataplatform_tests.defs.months import published_months, write_months
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.servers.control_room import ControlRoom, eventually, running_control_room

pytestmark = pytest.mark.real

ASSETS = (f"{DATASET}/candidate", f"{DATASET}/release", DATASET)
DUE = "ns/due"
MONTHS = [f"{year}-{month:02d}" for year in (2021, 2022, 2023) for month in range(1, 13)]
SOURCE: dict[str, float | str] = {month: float(at) for at, month in enumerate(MONTHS, 1)}
SECTIONS: dict[str, Any] = {"release": {"shard": "month", "since": "2021-01-01"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def site(folder: Path) -> Site:
    site = Site(folder, {"OPENDATA_STORAGE": str(folder / ".opendata" / "store")})
    write_months(site, SOURCE, **SECTIONS)
    # Due soon, and not so often that its runs keep the others waiting.
    often = {"schedule": "*/3 * * * *", "source": {"provider": "another"}}
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0}, DUE, **often)
    return site


@pytest.fixture(scope="module")
def room(site: Site) -> Iterator[ControlRoom]:
    with running_control_room(site.root) as room:
        yield room


@pytest.mark.requirement("M-4", "S1-90")
def test_36_months_are_one_build_and_one_release(site: Site, room: ControlRoom) -> None:
    done = room.backfill_at_end(room.backfill(*ASSETS, partitions=MONTHS))
    assert done["status"] == "COMPLETED_SUCCESS"
    built = [r for r in done["runs"] if {"path": ASSETS[0].split("/")} in r["assetSelection"]]
    assert len(built) == 1
    assert (site.current_version(), published_months(site)) == ("1.0.0", SOURCE)


@pytest.mark.requirement("M-4")
def test_a_month_that_fails_blocks_the_release_until_it_is_run_again(
    site: Site, room: ControlRoom
) -> None:
    corrected = SOURCE | {"2021-05": 500.0, "2022-05": "x", "2023-05": 700.0}
    write_months(site, corrected, **SECTIONS)
    asked = ["2021-05", "2022-05", "2023-05"]
    done = room.backfill_at_end(room.backfill(*ASSETS, partitions=asked))
    assert done["status"] == "COMPLETED_FAILED"
    assert site.current_version() == "1.0.0"
    alone = room.launch(ASSETS[1], job="__ASSET_JOB")
    assert room.status_at_end(alone) == "FAILURE"
    assert (
        "the last run of 2022-05 failed"
        in room.checks(ASSETS[1])["freeze"]["evaluation"]["description"]
    )
    write_months(site, corrected | {"2022-05": 600.0}, **SECTIONS)
    again = room.backfill_at_end(room.backfill(*ASSETS, partitions=["2022-05"]))
    assert again["status"] == "COMPLETED_SUCCESS"
    assert site.current_version() == "1.0.1"
    assert published_months(site) == corrected | {"2022-05": 600.0}


@pytest.mark.requirement("M-4")
def test_a_due_schedule_builds_a_data_set_with_partitions_as_a_whole(
    site: Site, room: ControlRoom
) -> None:
    eventually(lambda: site.current(DUE), f"{DUE} is published")
    assert published_months(site, DUE) == {"2024-01": 1.0, "2024-02": 2.0}
    [newest, *_] = eventually(lambda: room.materializations(DUE), f"{DUE} is shown")
    assert room.status_at_end(newest["run_id"]) == "SUCCESS"
    assert room.tags(newest["run_id"])["dagster/schedule_name"] == "ns__due__schedule"
