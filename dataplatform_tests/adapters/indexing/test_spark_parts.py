"""The parts of the Spark engine that need no Spark: parcels, frames, rounds, settings, endings."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.indexing.spark import session
from dataplatform.adapters.indexing.spark.engine import SparkEngine
from dataplatform.adapters.indexing.spark.frames import Kind, PipeClosed, read_frame, write_frame
from dataplatform.adapters.indexing.spark.parcels import (
    PARCEL_BYTES,
    PARCEL_FILES,
    pack_failure,
    pack_outcomes,
    parcels_of,
    unpack_failure,
    unpack_files,
    unpack_outcomes,
)
from dataplatform.adapters.indexing.spark.rounds import (
    ROUND_MAX_BYTES,
    ROUND_MAX_PARCELS,
    ROUND_MIN_PARCELS,
    Pace,
    next_size,
    run_rounds,
)
from dataplatform.channels.ports import Described, DescribeTask, StoredFile, Unread
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.ports import free_ports
from opendata.wire import errors

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILES = st.builds(StoredFile, TEXTS, st.integers(0, 3 * PARCEL_BYTES), TEXTS)
OUTCOMES = st.builds(
    Described, FILES, TEXTS, TEXTS, st.none() | st.integers(-(2**62), 2**62), TEXTS
)
OUTCOMES |= st.builds(Unread, FILES, TEXTS, TEXTS)


@given(st.lists(FILES, max_size=30, unique_by=lambda one: one.path), st.data())
def test_files_and_their_digests_arrive_as_they_were_sent(
    files: list[StoredFile], data: st.DataObject
) -> None:
    digests = {file.path: "d" * 64 for file in files if data.draw(st.booleans())}
    arrived = [unpack_files(parcel) for parcel in parcels_of(files, digests)]
    assert [file for some, _ in arrived for file in some] == files
    assert {path: one for _, some in arrived for path, one in some.items()} == digests
    assert all(
        len(some) == 1 or sum(file.size for file in some) <= PARCEL_BYTES for some, _ in arrived
    )


def test_small_files_fill_a_parcel_by_their_number() -> None:
    files = [StoredFile(str(number), 1, "1") for number in range(2 * PARCEL_FILES + 1)]
    sizes = [len(unpack_files(parcel)[0]) for parcel in parcels_of(files, {})]
    assert sizes == [PARCEL_FILES, PARCEL_FILES, 1]


@given(st.lists(OUTCOMES, max_size=10))
def test_outcomes_arrive_as_they_were_sent(outcomes: list[Described | Unread]) -> None:
    arrived = unpack_outcomes(pack_outcomes(outcomes))
    assert sorted(arrived, key=repr) == sorted(outcomes, key=repr)


@pytest.mark.parametrize(
    "kind",
    [errors.InvalidInput, errors.Denied, errors.NotFound, errors.Conflict, errors.Rejected,
     errors.Unavailable],
)  # fmt: skip
def test_an_error_arrives_as_the_same_one(kind: type[errors.OpenDataError]) -> None:
    sent = kind("no", hint="do", code="c", details={"path": Path("a")})
    arrived = unpack_failure(pack_failure(sent))
    assert type(arrived) is kind
    assert (arrived.message, arrived.hint, arrived.code) == ("no", "do", "c")
    assert arrived.details == {"path": "a"}


def test_damaged_bytes_are_unread_as_rejections_are() -> None:
    assert type(unpack_failure(pack_failure(errors.Corrupt("x")))) is errors.Rejected


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50))), st.integers(1, 40))
def test_frames_arrive_whole_or_not_at_all(frames: list[tuple[Kind, bytes]], cut: int) -> None:
    pipe = io.BytesIO()
    for kind, payload in frames:
        write_frame(pipe, kind, payload)
    whole = pipe.getvalue()
    assert list(_frames(io.BytesIO(whole))) == frames
    assert list(_frames(io.BytesIO(whole[:-cut]))) == frames[: _whole_in(frames, len(whole) - cut)]


def _whole_in(frames: list[tuple[Kind, bytes]], count: int) -> int:
    """How many of the frames the first so many bytes hold to their end; each has a head of 9."""
    ends = accumulate(9 + len(payload) for _, payload in frames)
    return sum(end <= count for end in ends)


def _frames(pipe: io.BytesIO) -> Iterator[tuple[Kind, bytes]]:
    while True:
        try:
            yield read_frame(pipe)
        except PipeClosed:
            return


def test_what_is_no_frame_is_not_believed() -> None:
    with pytest.raises(PipeClosed, match="bytes"):
        read_frame(io.BytesIO(b"O" + b"\xff" * 8))
    with pytest.raises(PipeClosed):
        read_frame(io.BytesIO(b"?" + bytes(8)))


class FakeSession:
    """Runs what Spark would, here; tells how many parcels each round had."""

    def __init__(self) -> None:
        self.rounds: list[int] = []
        self._work: Callable[[Iterable[Any]], Iterator[Any]] = iter

    def range(self, start: int, end: int, step: int, partitions: int) -> FakeSession:
        assert (start, step, partitions) == (0, 1, end)
        self.rounds.append(end)
        return self

    def mapInArrow(self, work: Callable[[Iterable[Any]], Iterator[Any]], _: str) -> FakeSession:
        self._work = work
        return self

    def collect(self) -> list[Any]:
        return list(self._work([]))


def test_rounds_take_every_parcel_once_and_grow_while_they_are_short() -> None:
    session, seen = FakeSession(), []
    parcels = [b"%d" % number for number in range(1000)]

    def work(taken: Sequence[bytes]) -> Callable[[Iterable[Any]], Iterator[Any]]:
        seen.append(list(taken))
        return lambda batches: iter([(parcel, None) for parcel in taken])

    rows = list(run_rounds(session, iter(parcels), work, "…", clock=lambda: 0.0))
    assert sorted(row[0] or b"" for row in rows) == sorted(parcels)
    sizes = [len(taken) for taken in seen]
    assert sizes[:2] == [ROUND_MIN_PARCELS] * 2
    assert max(sizes) > ROUND_MIN_PARCELS


def test_rounds_do_not_run_ahead_of_whoever_takes_their_rows() -> None:
    """Two are under way and one is being taken, whatever there is to do."""
    taken = []

    def parcels() -> Iterator[bytes]:
        for number in range(10**6):
            taken.append(number)
            yield b"x"

    def work(some: Sequence[bytes]) -> Callable[[Iterable[Any]], Iterator[Any]]:
        return lambda batches: iter([(parcel, None) for parcel in some])

    rows = run_rounds(FakeSession(), parcels(), work, "…", clock=lambda: 0.0)
    next(rows)
    assert len(taken) <= 3 * ROUND_MIN_PARCELS
    rows.close()


def test_the_size_of_rounds_stays_between_its_ends() -> None:
    assert next_size(ROUND_MAX_PARCELS, 0.1) == ROUND_MAX_PARCELS
    assert next_size(ROUND_MIN_PARCELS, 999.0) == ROUND_MIN_PARCELS
    assert next_size(64, 10.0) == 64


def test_rounds_shrink_where_their_outcomes_are_large() -> None:
    size = ROUND_MAX_PARCELS
    per_parcel = ROUND_MAX_BYTES // 8
    for _ in range(20):
        size = next_size(size, 0.1, size * per_parcel)
    assert size * per_parcel <= ROUND_MAX_BYTES
    assert next_size(1, 0.1, 10 * ROUND_MAX_BYTES) == 1
    assert next_size(1, 999.0, 10) == 1
    assert next_size(1, 0.1, 10) == 2


def test_the_next_job_begins_at_the_pace_of_the_last_one() -> None:
    def work(some: Sequence[bytes]) -> Callable[[Iterable[Any]], Iterator[Any]]:
        return lambda batches: iter([(parcel, None) for parcel in some])

    pace, session = Pace(), FakeSession()
    for _ in range(2):
        parcels = iter([b"x"] * 2000)
        rows = run_rounds(session, parcels, work, "…", pace=pace, clock=lambda: 0.0)
        assert len(list(rows)) == 2000
        last, session.rounds = session.rounds, []
    assert last[0] == ROUND_MAX_PARCELS


# --- where Spark cannot run ----------------------------------------------------------------------


@pytest.mark.requirement("B45")
def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(errors.Unavailable, match="pyspark") as caught:
        session.require_spark("local[*]")
    assert caught.value.code == "no_spark"
    assert "opendata[platform,spark]" in (caught.value.hint or "")


@pytest.mark.requirement("B45")
def test_without_java_its_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(errors.Unavailable, match="Java 17") as caught:
        session.require_spark("local[*]")
    assert caught.value.code == "no_java"
    session.require_spark("sc://spark.example")  # a server of Spark Connect has its own


@pytest.mark.platform
@pytest.mark.parametrize(
    "master", ["sc://127.0.0.1:{}", "spark://127.0.0.1:{}", "sc://", "sc://h:x"]
)
def test_a_master_that_nobody_listens_at_is_named_at_once(tmp_path: Path, master: str) -> None:
    """Spark Connect alone would go on asking for minutes."""
    master = master.format(free_ports(1)[0])
    engine = SparkEngine(tmp_path, work=tmp_path / "work", master=master)
    error = describe_one(engine, {})
    assert error.code == "spark_start_failed"
    assert master in error.message


def test_settings_of_a_launcher_win_and_connect_gets_only_its_own() -> None:
    local = session.settings_for("local[2]", {"spark.driver.memory": "4g"})
    assert local["spark.driver.memory"] == "4g"
    assert local["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.driver.bindAddress" not in session.settings_for("spark://host:7077", {})
    assert set(session.settings_for("sc://host", {})) == {
        "spark.app.name", "spark.sql.session.timeZone",
    }  # fmt: skip


def describe_one(engine: SparkEngine, environ: dict[str, str]) -> errors.Unavailable:
    task = DescribeTask("lake", {}, environ)
    with pytest.raises(errors.Unavailable) as caught:
        list(engine.describe(task, [StoredFile("a", 1, "1")]))
    assert engine.pid is None
    return caught.value


@pytest.mark.platform
@pytest.mark.requirement("B45")
def test_an_engine_without_java_says_so_and_describes_nowhere_else(tmp_path: Path) -> None:
    engine = SparkEngine(tmp_path, work=tmp_path / "work")
    error = describe_one(engine, {"JAVA_HOME": str(tmp_path)})
    assert error.code == "no_java"
    assert Path(error.details["log"]).is_file()


@pytest.mark.requirement("B45")
def test_an_interpreter_that_is_none_or_lacks_opendata_is_named(tmp_path: Path) -> None:
    missing = SparkEngine(tmp_path, work=tmp_path / "work", python=str(tmp_path / "python"))
    assert "cannot be started" in describe_one(missing, {}).message
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\necho \"$0: No module named 'dataplatform'\" >&2\nexit 1\n")
    bare.chmod(0o755)
    error = describe_one(SparkEngine(tmp_path, work=tmp_path / "work", python=str(bare)), {})
    assert error.code == "no_spark"
    assert "No module named 'dataplatform'" in error.message


def test_no_process_is_started_where_there_is_nothing_to_describe(tmp_path: Path) -> None:
    engine = SparkEngine(tmp_path, work=tmp_path / "work")
    assert list(engine.describe(DescribeTask("lake", {}, {}), [])) == []
    assert not (tmp_path / "work").exists()


def test_further_settings_may_name_another_master(tmp_path: Path) -> None:
    engine = SparkEngine(tmp_path, work=tmp_path, config={"spark.a": "1"})
    other = engine.configured({"spark.master": "local[4]", "spark.b": True})
    assert (other._master, other._config) == ("local[4]", {"spark.a": "1", "spark.b": "true"})
    assert (engine._master, engine._config) == ("local[*]", {"spark.a": "1"})


@pytest.mark.platform
def test_the_process_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """A process that starts an engine is killed; the engine's own process sees it."""
    code = """
        import sys, time
        from dataplatform.adapters.indexing.spark.launch import LaunchedProcess
        from pathlib import Path
        process = LaunchedProcess(None, Path(sys.argv[1]), {})
        print(process.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists() or None, "the process is gone")


def test_old_logs_make_room(tmp_path: Path) -> None:
    from dataplatform.adapters.indexing.spark.launch import _new_log

    for number in range(12):
        (tmp_path / f"spark-20250601T1200{number:02d}.000000-1.log").touch()
    _new_log(tmp_path).touch()
    kept = sorted(path.name for path in tmp_path.glob("spark-*.log"))
    assert len(kept) == 10
    assert "spark-20250601T120000.000000-1.log" not in kept
