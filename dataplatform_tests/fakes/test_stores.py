"""The faulty stores are stores themselves, and fail where and when they are told to."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import (
    CrashingStore,
    Fault,
    FaultyStore,
    Pause,
    SimulatedCrash,
    exit_at_once,
)
from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import AlreadyExists, FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Denied, Unavailable


class TestFaultyStoreWithoutAScript(StoreConformance):
    """The whole port."""

    @pytest.fixture
    def store(self) -> FaultyStore:
        return FaultyStore(MemoryStore())


def test_a_fault_before_the_effect_leaves_nothing_and_one_after_it_leaves_all() -> None:
    store = FaultyStore(MemoryStore(), [Fault("put_new"), Fault("put_new", after=True, skip=0)])
    with pytest.raises(Unavailable):
        store.put_new("k", b"1")
    assert store.stat("k") is None
    with pytest.raises(Unavailable):
        store.put_new("k", b"1")
    assert store.get("k").data == b"1"
    with pytest.raises(AlreadyExists):
        store.put_new("k", b"1")
    assert store.count("put_new") == 3


def test_faults_choose_keys_and_calls() -> None:
    fault = Fault("write", key="*/latest.json", skip=1, times=2, error=lambda: Denied("scripted"))
    store = FaultyStore(MemoryStore(), [fault])
    store.put("a/data", b"")
    store.put("a/latest.json", b"")
    for _ in range(2):
        with pytest.raises(Denied):
            store.delete("a/latest.json")
    store.delete("a/latest.json")
    assert (store.count("delete"), store.count(key="a/data"), store.count()) == (3, 1, 5)


def test_a_stream_breaks_between_its_pieces() -> None:
    store = FaultyStore(MemoryStore(), [Fault("stream_piece", skip=1)])
    store.put("k", b"0123456789")
    pieces = store.stream("k", chunk_bytes=4)
    assert [next(pieces), next(pieces)] == [b"0123", b"4567"]
    with pytest.raises(Unavailable):
        next(pieces)


def test_a_pause_holds_a_call_until_the_test_lets_it_go() -> None:
    pause = Pause("put_if_match")
    store = FaultyStore(MemoryStore(), [pause])
    token = store.put("k", b"1")
    writer = threading.Thread(target=store.put_if_match, args=("k", b"2", token))
    writer.start()
    pause.await_call()
    assert store.get("k").data == b"1"
    pause.release()
    writer.join()
    assert store.get("k").data == b"2"


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_ends_the_writer_at_its_nth_write(after: bool) -> None:
    inner = MemoryStore()
    store = CrashingStore(inner, at_write=2, after=after)
    store.put_new("1", b"")
    with pytest.raises(SimulatedCrash):
        store.put_new("2", b"")
    with pytest.raises(SimulatedCrash):  # the dead do not clean up
        store.delete("1")
    assert [found.key for found in inner.list("")] == (["1", "2"] if after else ["1"])


def _write_until_killed(root: str) -> None:
    store = CrashingStore(FolderStore(root), at_write=3, die=exit_at_once)
    for number in range(10):
        store.put_new(str(number), b"")


@pytest.mark.platform
def test_a_crash_can_end_a_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_write_until_killed, args=(str(tmp_path),))
    writer.start()
    writer.join()
    assert writer.exitcode == 137
    assert [found.key for found in FolderStore(str(tmp_path)).list("")] == ["0", "1", "2"]
