"""The engine on a real Spark: one process and one session for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PIL.ExifTags import Base

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.adapters.indexing.spark.engine import SparkEngine
from dataplatform.channels.build import index_channel
from dataplatform.channels.ports import ChannelPorts, Described
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.adapters.indexing.conformance import EngineConformance, Lake
from dataplatform_tests.adapters.metadata_readers.images import image
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import open_store
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Unavailable


@pytest.mark.real
class TestSparkEngine(EngineConformance):
    @pytest.fixture
    def engine(self, spark_engine: SparkEngine) -> SparkEngine:
        return spark_engine


@pytest.mark.real
@pytest.mark.requirement("B45", "S0-41")
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_channel_has_the_same_index_whichever_engine_makes_it(
    spark_engine: SparkEngine, seaweed: SeaweedServer, tmp_path: Path, place: str
) -> None:
    """Equal rows are equal bytes, so one digest says it all."""
    storage_path, environ = str(tmp_path / "lake"), dict(os.environ)
    for number in range(300):
        path = tmp_path / f"lake/front/2025/06/01/{number % 24:02d}/img_{number:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(tags={Base.Model: "Q3"}, colour=(number % 256, number // 256, 0)))
    if place == "bucket":
        storage_path = f"{seaweed.create_bucket('lake-on-spark')}/photos/"
        environ |= seaweed.environ()
        bucket = open_store(storage_path, environ=environ)
        for file in Lake(tmp_path / "lake").listed():
            bucket.put(file, (tmp_path / "lake" / file).read_bytes())
    indexes = {}
    for engine in ("local", "spark"):
        ports = ChannelPorts(
            store=MemoryStore(),
            open_files=lambda place: open_channel_files(place, environ, root="/"),
            engines={"local": LocalEngine(root="/"), "spark": spark_engine},
            writer=ParquetIndexWriter(str(tmp_path / "scratch")),
            now=FakeClock(),
            environ=environ,
            spark_files=300 if engine == "spark" else None,
        )
        pattern = {"path": "{camera}/%Y/%m/%d/%H/img_{sequence:d}.jpg", "exif": True}
        spec = ChannelSpec(
            channel="images", version="1.0.0", storage_path=storage_path, pattern=pattern
        )
        done = index_channel(ports, spec)
        assert (done.index.engine, done.index.total_files) == (engine, 300)
        assert not index_channel(ports, spec).changed
        indexes[engine] = done.index.index_sha256
    assert indexes["local"] == indexes["spark"]


@pytest.mark.real
@pytest.mark.requirement("B45")
def test_spark_that_dies_is_told_and_the_next_files_start_another(
    spark_engine: SparkEngine, tmp_path: Path
) -> None:
    """Its process is killed while outcomes are still to come. Last, for it ends Spark twice."""
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

    # Whoever stops asking ends the process and all that it began.
    abandoned = spark_engine.describe(lake.task(), files)
    assert next(abandoned)
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
