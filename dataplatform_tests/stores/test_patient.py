"""Asking a store again: how often, how long, and what a lost answer turns out to have been."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.shaky import ShakyStore
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.servers.bad_network import bad_network, three_of_ten
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.stores.conformance import StoreConformance
from dataplatform_tests.stores.shaken import ShakenConformance
from opendata.stores import AlreadyExists, FolderStore, LocalFile, ObjectStore, PreconditionFailed
from opendata.stores.memory import MemoryStore
from opendata.stores.patience import Patience
from opendata.stores.patient_reader import PatientReader
from opendata.stores.patient_store import PatientStore
from opendata.stores.port import RATE_LIMITED, UNREACHABLE
from opendata.stores.s3 import open_s3
from opendata.wire.errors import NotFound, Unavailable

pytestmark = pytest.mark.requirement("B1")
QUICK = Patience(first_pause_seconds=0.002, longest_pause_seconds=0.02, busy_pause_seconds=0.01)
"""The product's tries and budget; only the pauses are those of a test."""


class TestPatientStore(StoreConformance):
    """The whole port, on a good network."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        return PatientStore(MemoryStore())


class TestPatientStoreOnABadNetwork(ShakenConformance):
    """The whole port, while three calls in ten go wrong."""

    @pytest.fixture(params=["memory", "folder"])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
        time = VirtualTime()
        inner = MemoryStore() if request.param == "memory" else FolderStore(str(tmp_path / "s"))
        return PatientStore(ShakyStore(inner, time, seed=7), time.patience(seed=7))


@pytest.mark.real
@pytest.mark.long
class TestS3StoreOverABadNetwork(ShakenConformance):
    """The whole port, over sockets that break."""

    @pytest.fixture
    def store(self, seaweed: SeaweedServer, seaweed_bucket: str) -> Iterator[ObjectStore]:
        with bad_network(seaweed.endpoint, three_of_ten(seed=9)) as network:
            environ = seaweed.environ() | {"OPENDATA_S3_ENDPOINT": network.address}
            url = f"{seaweed_bucket}/{uuid.uuid4().hex}"
            yield PatientStore(open_s3(url, environ), QUICK)


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
    assert all(2.5 <= pause <= 7.5 for pause in time.pauses[-5:])
    assert time.now_seconds < 60


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
    assert faulty.count("put") == 3
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
    faulty.script.append(Fault("get", times=11, error=answer(UNREACHABLE)))
    assert store.get("k").data == b"1"
    assert time.now_seconds > 10


@pytest.mark.parametrize("code", ["store_unavailable", RATE_LIMITED])
def test_after_one_request_was_given_up_the_next_ones_wait_less_until_one_succeeds(
    store: PatientStore, faulty: FaultyStore, time: VirtualTime, code: str
) -> None:
    faulty.inner.put("k", b"1")
    faulty.script.append(Fault("get", times=999, error=answer(code)))
    with pytest.raises(Unavailable):
        store.get("k")
    assert faulty.count("get") >= 12
    for _ in range(2):
        faulty.calls.clear()
        with pytest.raises(Unavailable):
            store.get("k")
        assert faulty.count("get") == 3
    assert store.stat("k") is not None
    faulty.calls.clear()
    with pytest.raises(Unavailable):
        store.get("k")
    assert faulty.count("get") >= 12


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
