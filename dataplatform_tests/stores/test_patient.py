"""Asking a store again: how often, how long, and what a lost answer turns out to have been."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.shaky import ShakyStore
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import AlreadyExists, FolderStore, LocalFile, ObjectStore, PreconditionFailed
from opendata.stores.memory import MemoryStore
from opendata.stores.patient import PatientReader, PatientStore
from opendata.stores.port import RATE_LIMITED, UNREACHABLE
from opendata.wire.errors import NotFound, Unavailable

pytestmark = pytest.mark.requirement("B1")


class TestPatientStore(StoreConformance):
    """The whole port, on a good network."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        return PatientStore(MemoryStore())


class TestPatientStoreOnABadNetwork(StoreConformance):
    """The whole port, while three calls in ten go wrong."""

    race_threads = 8
    counter_threads = 4

    @pytest.fixture(params=["memory", "folder"])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
        time = VirtualTime()
        inner = MemoryStore() if request.param == "memory" else FolderStore(str(tmp_path / "s"))
        return PatientStore(ShakyStore(inner, time, seed=7), time.patience(seed=7))

    def test_put_new_never_overwrites(self, store: ObjectStore) -> None:
        """But for bytes that are the same: those count as one's own."""
        store.put_new("k", b"first")
        with pytest.raises(AlreadyExists, match="k already exists"):
            store.put_new("k", b"second")
        assert store.get("k").data == b"first"

    def test_no_increment_of_a_shared_counter_is_lost(self, store: ObjectStore) -> None:
        """As joins, since a refused write may have happened and been replaced: none is lost."""
        store.put_new("joined", b"")
        names = [f"{writer}-{turn}" for writer in range(self.counter_threads) for turn in range(10)]

        def join(name: str) -> None:
            while True:
                found = store.get("joined")
                members = sorted({*found.data.decode().split(), name})
                try:
                    store.put_if_match("joined", " ".join(members).encode(), found.token)
                except PreconditionFailed:
                    continue
                return

        with ThreadPoolExecutor(self.counter_threads) as pool:
            list(pool.map(join, names))
        assert store.get("joined").data.decode().split() == sorted(names)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def faulty() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture
def store(faulty: FaultyStore, time: VirtualTime) -> PatientStore:
    return PatientStore(faulty, time.patience())


def answer(code: str, **details: object) -> Callable[[], Unavailable]:
    return lambda: Unavailable("scripted", code=code, details=details)


# --- how often and how long ----------------------------------------------------------


def test_a_request_is_tried_twelve_times_with_growing_pauses(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    faulty.script.append(Fault("get", times=99))
    with pytest.raises(Unavailable, match="scripted"):
        store.get("k")
    assert faulty.count("get") == 12
    assert len(time.pauses) == 11
    assert 0.05 <= time.pauses[0] <= 0.15
    assert all(5 <= pause <= 15 for pause in time.pauses[-4:])
    assert time.now_seconds < 120


def test_slow_answers_use_up_the_time_of_a_request(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    def answer_late() -> Unavailable:
        time.sleep(50)
        return Unavailable("silence", code="store_unavailable")

    faulty.script.append(Fault("get", times=99, error=answer_late))
    with pytest.raises(Unavailable, match="silence"):
        store.get("k")
    assert faulty.count("get") == 3  # the third ends after 150 seconds of 120


def test_three_tries_are_made_however_long_they_take(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    def break_after_an_hour() -> Unavailable:
        time.sleep(3600)
        return Unavailable("reset", code="store_unavailable")

    faulty.script.append(Fault("put", times=2, error=break_after_an_hour))
    store.put("k", b"1")
    faulty.script.append(Fault("put", times=3, error=break_after_an_hour))
    with pytest.raises(Unavailable, match="reset"):
        store.put("k", b"2")
    assert faulty.count("put") == 6


def test_a_busy_server_is_asked_as_long_as_there_is_time(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    faulty.script.append(Fault("put", times=99, error=answer(RATE_LIMITED)))
    with pytest.raises(Unavailable):
        store.put("k", b"1")
    assert 100 < time.now_seconds <= 120
    assert faulty.count("put") > 12


def test_the_time_that_a_server_asks_for_is_waited(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    faulty.script.append(Fault("put", error=answer(RATE_LIMITED, retry_after_seconds=45)))
    store.put("k", b"1")
    assert time.pauses == [45]


def test_a_server_that_asks_for_too_much_time_is_given_up_at_once(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    faulty.script.append(Fault("put", error=answer(RATE_LIMITED, retry_after_seconds=3600)))
    with pytest.raises(Unavailable):
        store.put("k", b"1")
    assert time.pauses == []


@pytest.mark.parametrize("code", [RATE_LIMITED, "slow_down"])
def test_a_busy_server_gets_a_rest_of_about_a_second(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime, code: str
) -> None:
    faulty.script.append(Fault("put_if_match", error=answer(code)))
    token = store.put_new("k", b"1")
    store.put_if_match("k", b"2", token)
    assert 0.5 <= time.pauses[0] <= 1.5


@pytest.mark.parametrize("code", ["disk_full", "disk_error", "locked", "replaced_while_read"])
def test_what_waiting_does_not_cure_is_not_waited_for(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime, code: str
) -> None:
    faulty.script.append(Fault("put", error=answer(code)))
    with pytest.raises(Unavailable):
        store.put("k", b"1")
    assert (faulty.count("put"), time.pauses) == (1, [])


def test_whoever_is_kept_waiting_is_told_why_once_a_minute(
    store: PatientStore, faulty: FaultyStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("k", b"1")
    faulty.script.append(Fault("get", times=3))
    store.get("k")
    assert caplog.messages == []  # a moment is not worth a word
    faulty.script.append(Fault("get", times=10))
    store.get("k")
    assert caplog.messages == ["the store does not answer (scripted); trying again"]


# --- a store that is not there ---------------------------------------------------------


def test_without_a_network_it_is_given_up_in_seconds_and_then_at_once(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    faulty.script.append(Fault("*", times=99, error=answer(UNREACHABLE)))
    with pytest.raises(Unavailable):
        store.get("k")
    assert time.now_seconds <= 3
    asked = faulty.count()
    assert asked > 2
    with pytest.raises(Unavailable):
        store.stat("k")
    assert faulty.count() == asked + 1  # the second document costs no wait


def test_a_store_that_answered_a_moment_ago_is_waited_for_while_it_starts_again(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime
) -> None:
    store.put("k", b"1")
    faulty.script.append(Fault("get", times=9, error=answer(UNREACHABLE)))
    assert store.get("k").data == b"1"
    assert time.now_seconds > 10


def test_that_something_does_not_exist_is_an_answer(
    store: PatientStore, faulty: FaultyStore
) -> None:
    with pytest.raises(NotFound):
        store.get("k")
    assert faulty.count("get") == 1


# --- what a lost answer was --------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_one_s_own(
    store: PatientStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    faulty.script += [
        Fault("put_new", key="k", after=True),
        Fault("put_if_match", key="k", after=True),
        Fault("put_new", key="of-a-file", after=True),
    ]
    first = store.put_new("k", b"1")
    second = store.put_if_match("k", b"2", first)
    assert faulty.inner.get("k").token == second
    from_file = store.put_new("of-a-file", LocalFile(str(tmp_path / "file")))
    assert faulty.inner.get("of-a-file").token == from_file


@pytest.mark.parametrize("theirs", [b"theirs", b"of them"])
def test_a_refusal_after_a_lost_answer_may_be_another_s(
    store: PatientStore, faulty: FaultyStore, theirs: bytes
) -> None:
    sound = faulty.inner

    def others_come_first() -> Unavailable:
        sound.put("k", theirs)
        return Unavailable("scripted", code="store_unavailable")

    faulty.script.append(Fault("put_new", error=others_come_first))
    with pytest.raises(AlreadyExists):
        store.put_new("k", b"mine!!")
    token = sound.get("k").token
    faulty.script.append(Fault("put_if_match", error=others_come_first))
    with pytest.raises(PreconditionFailed):
        store.put_if_match("k", b"mine!!", token)
    assert sound.get("k").data == theirs


def test_a_refusal_of_what_never_arrived_is_another_s_even_if_the_bytes_are_the_same(
    store: PatientStore, faulty: FaultyStore
) -> None:
    faulty.inner.put("k", b"1")
    faulty.script.append(Fault("put_new", error=answer(RATE_LIMITED)))
    with pytest.raises(AlreadyExists):
        store.put_new("k", b"1")


def test_a_file_that_differs_from_what_lies_there_is_not_one_s_own(
    store: PatientStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for theirs in (b"their", b"them"):
        faulty.inner.put("k", theirs)
        faulty.script.append(Fault("put_new", error=answer("store_unavailable")))
        with pytest.raises(AlreadyExists):
            store.put_new("k", LocalFile(str(tmp_path / "file")))


def test_when_nobody_can_tell_that_is_what_is_said(
    store: PatientStore, faulty: FaultyStore
) -> None:
    faulty.script += [Fault("put_new", after=True), Fault("get", times=99)]
    with pytest.raises(Unavailable, match="whether k was written") as unknown:
        store.put_new("k", b"1")
    assert unknown.value.code == "outcome_unknown"
    faulty.script.clear()
    assert store.get("k").data == b"1"


# --- streams that break --------------------------------------------------------------------


def test_a_broken_stream_goes_on_where_it_stopped(store: PatientStore, faulty: FaultyStore) -> None:
    data = bytes(range(256)) * 40
    store.put("k", data)
    faulty.script += [Fault("stream_piece", skip=2), Fault("get_ranges", times=2)]
    pieces = list(store.stream("k", chunk_bytes=1000))
    assert b"".join(pieces) == data
    assert faulty.count("stream") == 1
    assert max(map(len, pieces)) <= 1000


def test_a_stream_that_does_not_begin_is_asked_for_again(
    store: PatientStore, faulty: FaultyStore
) -> None:
    store.put("k", b"0123456789")
    faulty.script.append(Fault("stream", times=3))
    assert b"".join(store.stream("k")) == b"0123456789"


@pytest.mark.parametrize("replacement", [b"B" * 10_000, b"B" * 5, None])
def test_a_stream_is_never_of_two_versions(
    store: PatientStore, faulty: FaultyStore, replacement: bytes | None
) -> None:
    store.put("k", b"A" * 10_000)

    def replace() -> Unavailable:
        if replacement is None:
            faulty.inner.delete("k")
        else:
            faulty.inner.put("k", replacement)
        return Unavailable("scripted", code="store_unavailable")

    faulty.script.append(Fault("stream_piece", skip=2, error=replace))
    seen: list[bytes] = []
    with pytest.raises(Unavailable, match="was replaced while it was read"):
        seen.extend(store.stream("k", chunk_bytes=1000))
    assert len(b"".join(seen)) < 10_000


def test_a_stream_of_unknown_version_is_not_guessed_on(time: VirtualTime) -> None:
    class Plain(FaultyStore):
        def stream(self, key: str, chunk_bytes: int = 8 << 20):  # type: ignore[no-untyped-def,override]
            yield from super().stream(key, chunk_bytes)

    faulty = Plain(MemoryStore(), [Fault("stream_piece", skip=1)])
    faulty.put("k", b"0123456789")
    with pytest.raises(Unavailable, match="scripted"):
        list(PatientReader(faulty, time.patience()).stream("k", chunk_bytes=2))
