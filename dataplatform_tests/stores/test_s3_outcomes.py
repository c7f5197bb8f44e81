"""Requests whose outcome is not plain: a busy server, a conflict, an answer that never comes."""

from __future__ import annotations

import pytest

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.servers.scripted_s3 import HANG_UP, Answer, ScriptedS3, scripted_s3
from opendata.stores import AlreadyExists, ObjectStore, PreconditionFailed
from opendata.stores.patient_store import PatientStore
from opendata.stores.s3 import open_s3
from opendata.wire.errors import Unavailable

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-7", "B1")]


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def patient(server: ScriptedS3, time: VirtualTime) -> ObjectStore:
    return PatientStore(open_s3("s3://some-bucket", server.environ()), time.patience())


def test_a_write_that_was_one_too_many_this_second_is_sent_again(time: VirtualTime) -> None:
    with scripted_s3([429, 429, 200]) as server:
        assert patient(server, time).put_if_match("k", b"1", '"old"') == '"scripted"'
        assert server.requests == ["PUT"] * 3
    assert all(pause >= 0.5 for pause in time.pauses)


def test_a_server_that_stays_busy_is_unavailable(time: VirtualTime) -> None:
    with scripted_s3([429]) as server:
        with pytest.raises(Unavailable, match="no more requests just now") as caught:
            patient(server, time).put_if_match("k", b"1", '"old"')
        assert caught.value.code == "rate_limited"
        assert 100 < time.now_seconds <= 120


def test_a_conflict_with_a_write_under_way_decides_nothing(time: VirtualTime) -> None:
    with scripted_s3([409, 200]) as server:
        patient(server, time).put_if_match("k", b"1", '"old"')
    with scripted_s3([409, 412]) as server, pytest.raises(AlreadyExists):
        patient(server, time).put_new("k", b"1")
    with scripted_s3([409, 412]) as server, pytest.raises(PreconditionFailed):
        patient(server, time).put_if_match("k", b"1", '"old"')
    with scripted_s3([409]) as server, pytest.raises(Unavailable, match="are under way"):
        patient(server, time).put_new("k", b"1")


@pytest.mark.parametrize("answer", [500, 503, HANG_UP])
def test_a_store_by_itself_sends_a_compare_and_set_once(answer: int) -> None:
    # Repeated unseen, it would meet its own first write and call the race lost.
    with scripted_s3([answer, 412]) as server:
        with pytest.raises(Unavailable):
            open_s3("s3://some-bucket", server.environ()).put_if_match("k", b"1", '"old"')
        assert server.requests == ["PUT"]


@pytest.mark.parametrize("answer", [500, 503, HANG_UP])
@pytest.mark.parametrize("there", [b"mine", b"theirs"])
def test_a_compare_and_set_without_an_answer_is_settled_by_reading_back(
    time: VirtualTime, answer: int, there: bytes
) -> None:
    with scripted_s3([answer, 412, Answer(body=there)]) as server:
        store = patient(server, time)
        if there == b"mine":
            assert store.put_if_match("k", b"mine", '"old"') == '"scripted"'
        else:
            with pytest.raises(PreconditionFailed):
                store.put_if_match("k", b"mine", '"old"')
        assert server.requests == ["PUT", "PUT", "GET"]


def test_an_unconditional_write_is_repeated_until_it_is_answered(time: VirtualTime) -> None:
    with scripted_s3([503, HANG_UP, 200]) as server:
        assert patient(server, time).put("k", b"1") == '"scripted"'
        assert server.requests == ["PUT"] * 3
