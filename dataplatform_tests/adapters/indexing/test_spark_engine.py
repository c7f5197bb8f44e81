"""The engine on a real Spark: one process and one session for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dataplatform.adapters.indexing.spark.engine import SparkEngine
from dataplatform.channels.ports import Described
from dataplatform_tests.adapters.indexing.conformance import EngineConformance, Lake
from dataplatform_tests.servers.control_room import eventually
from opendata.wire.errors import Unavailable


@pytest.mark.real
class TestSparkEngine(EngineConformance):
    @pytest.fixture
    def engine(self, spark_engine: SparkEngine) -> SparkEngine:
        return spark_engine


@pytest.mark.real
@pytest.mark.requirement("B45")
def test_spark_that_dies_is_told_and_the_next_files_start_another(
    spark_engine: SparkEngine, tmp_path: Path
) -> None:
    """Its process is killed while outcomes are still to come."""
    lake = Lake(tmp_path)
    for number in range(6000):  # more than two rounds, so that the job is under way when it dies
        (tmp_path / f"{number:04d}.bin").write_bytes(b"x")
    files = list(lake.listed().values())
    outcomes = spark_engine.describe(lake.task(), files)
    first = next(outcomes)
    assert all(isinstance(one, Described) for one in first)
    pid = spark_engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable) as caught:
        list(outcomes)
    assert caught.value.code == "spark_ended"
    assert Path(caught.value.details["log"]).is_file()
    assert spark_engine.pid is None

    some = [one for batch in spark_engine.describe(lake.task(), files[:3]) for one in batch]
    assert len(some) == 3

    # Whoever stops asking ends the process and all that it began.
    abandoned = spark_engine.describe(lake.task(), files)
    next(abandoned)
    pid = spark_engine.pid
    assert pid is not None
    abandoned.close()
    assert spark_engine.pid is None
    eventually(lambda: not members_of(pid), "Java is gone with the process that started it")


def members_of(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended just now
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found
