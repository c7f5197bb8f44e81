"""Writes whose outcome is not plain: a busy server, a conflict, an answer that never comes."""

from __future__ import annotations

import pytest

from dataplatform_tests.servers.scripted_s3 import HANG_UP, ScriptedS3, scripted_s3
from opendata.stores import AlreadyExists, ObjectStore, PreconditionFailed
from opendata.stores.s3 import open_s3
from opendata.wire.errors import InvalidInput, Unavailable

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-7", "B1")]


def _store(server: ScriptedS3) -> ObjectStore:
    return open_s3("s3://some-bucket", server.environ(), busy_pauses_seconds=(0.001, 0.001))


def test_a_write_that_was_one_too_many_this_second_is_sent_again() -> None:
    with scripted_s3([429, 429, 200]) as server:
        assert _store(server).put_if_match("k", b"1", '"old"') == '"scripted"'
        assert server.requests == ["PUT"] * 3


def test_a_server_that_stays_busy_is_unavailable() -> None:
    with scripted_s3([429]) as server:
        with pytest.raises(Unavailable, match="no more requests just now") as caught:
            _store(server).put_if_match("k", b"1", '"old"')
        assert caught.value.code == "rate_limited"
        assert len(server.requests) == 3


def test_a_conflict_with_a_write_under_way_decides_nothing() -> None:
    with scripted_s3([409, 200]) as server:
        _store(server).put_if_match("k", b"1", '"old"')
    with scripted_s3([409, 412]) as server, pytest.raises(AlreadyExists):
        _store(server).put_new("k", b"1")
    with scripted_s3([409, 412]) as server, pytest.raises(PreconditionFailed):
        _store(server).put_if_match("k", b"1", '"old"')
    with scripted_s3([409]) as server, pytest.raises(Unavailable):
        _store(server).put_new("k", b"1")


@pytest.mark.parametrize("answer", [500, 503, HANG_UP])
def test_a_compare_and_set_without_an_answer_is_sent_once(answer: int) -> None:
    # Repeated unseen, it would meet its own first write and call the race lost.
    with scripted_s3([answer, 412]) as server:
        with pytest.raises(Unavailable):
            _store(server).put_if_match("k", b"1", '"old"')
        assert server.requests == ["PUT"]


def test_an_unconditional_write_is_repeated_until_it_is_answered() -> None:
    with scripted_s3([503, 200]) as server:
        assert _store(server).put("k", b"1") == '"scripted"'
        assert server.requests == ["PUT", "PUT"]


def test_a_refused_request_says_what_to_check() -> None:
    with scripted_s3([400]) as server, pytest.raises(InvalidInput, match="400") as caught:
        _store(server).put("k", b"1")
    assert "AWS_REGION" in (caught.value.hint or "")
