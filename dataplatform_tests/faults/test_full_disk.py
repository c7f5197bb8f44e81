"""A full disk: nothing half-written, one clear sentence, and after some tidying it goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import CrashingStore, Fault, FaultyStore
from dataplatform_tests.faults.aftermath import check_repair_and_go_on, check_whole
from dataplatform_tests.faults.killing import Place, publish_value
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.stores.small_disk import in_a_small_disk
from opendata.stores.disk import explain_os_error
from opendata.wire.errors import Unavailable

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(str(tmp_path / "store"), str(tmp_path))
    publish_value(place, place.open(), 1)
    return place


def test_a_disk_that_runs_full_somewhere_in_a_publish_tears_nothing(tmp_path: Path) -> None:
    script = f"""import sys
sys.path.insert(0, "{ROOT}")
from dataplatform_tests.faults.full_disk import main
main("{tmp_path}/disk", "{tmp_path}")"""
    attempts = [json.loads(line) for line in in_a_small_disk(script, tmp_path).splitlines()]
    refused = [attempt for attempt in attempts if attempt["error"]]
    assert len(refused) > 3
    assert attempts[-1]["error"] is None
    for attempt in refused:
        assert attempt["error"] == "disk_full"
        assert "no space is left" in attempt["message"]
        assert "are needed" in attempt["message"]
        assert "free some space" in attempt["hint"]


def full() -> Exception:
    return explain_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "/store/x", 10)


def test_every_write_can_find_the_disk_full(place: Place) -> None:
    counted = CrashingStore(place.open(), at_write=10**9)
    publish_value(place, counted, 2)
    value = 2
    for skip in range(counted.writes):
        value += 1
        store = FaultyStore(place.open(), [Fault("put*", skip=skip, times=99, error=full)])
        before = len(place.acknowledged)
        with pytest.raises(Unavailable) as refused:
            publish_value(place, store, value)
        assert refused.value.code in ("disk_full", "not_published")
        seen = check_whole(place)
        assert seen == value if len(place.acknowledged) > before else seen < value
    check_repair_and_go_on(place, value + 1)


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(place: Place) -> None:
    script = f"""import json, resource, sys
sys.path.insert(0, {str(ROOT)!r})
from dataplatform_tests.faults.killing import Place, publish_value
from opendata.wire.errors import Unavailable
place = Place({place.url!r}, {place.scratch!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
try:
    publish_value(place, place.open(), 2)
except Unavailable as error:
    print(error.code)"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "disk_full\n"
    assert check_whole(place) == 1
    check_repair_and_go_on(place, 3)


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "in no order"])
def test_scratch_that_cannot_grow_ends_the_build_with_a_sentence(tmp_path: Path, step: int) -> None:
    script = f"""import resource, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
import pyarrow as pa
from dataplatform.errors import ProducerFailed
from dataplatform_tests.releases.building import make_bench
from opendata.stores import FolderStore
bench = make_bench(FolderStore({str(tmp_path / "store")!r}), Path({str(tmp_path)!r}))
noise = np.random.default_rng(1).random(500_000)
table = pa.table({{"at": pa.array(np.arange(500_000)[::{step}]), "noise": pa.array(noise)}})
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    bench.build(table)
except ProducerFailed as error:
    print(error.failure_class, error.message)"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("upload upload failure: the rows of tests/rates could not be")
    assert not list((tmp_path / "store").rglob("*.json"))
