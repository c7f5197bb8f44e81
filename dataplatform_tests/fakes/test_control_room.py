"""The fake control room keeps what the real one does (`scale/test_bundle_storm.py`)."""

from __future__ import annotations

import pytest

from dataplatform.bundles.ports import UNSETTLED
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.bundles.asking import SeenRun, check_run_requests
from dataplatform_tests.fakes.control_room import FakeControlRoom
from opendata.wire.errors import Rejected, Unavailable

REQUEST = BundleRequest("bundles/weekly/model-v1.0.0.yaml", "a" * 40)


def test_a_launch_is_one_run_under_way() -> None:
    room = FakeControlRoom(known=frozenset({"images"}))
    check_run_requests(
        room,
        REQUEST,
        "images",
        lambda: [
            SeenRun(run.id, run.key, frozenset(run.channels), run.submitted) for run in room.runs
        ],
        lambda: room.partitions,
    )


def test_it_can_be_away_deaf_and_of_another_opinion() -> None:
    room = FakeControlRoom(away=True)
    with pytest.raises(Unavailable) as raised:
        room.launch(REQUEST, ())
    assert (raised.value.code, room.runs) == ("unavailable", [])
    room = FakeControlRoom(deaf=True)
    with pytest.raises(Unavailable) as raised:
        room.launch(REQUEST, ())
    assert (raised.value.code, room.keys()) == (UNSETTLED, [REQUEST.run_key])
    room = FakeControlRoom(refuses="no")
    with pytest.raises(Rejected):
        room.launch(REQUEST, ())
    assert room.runs == []


def test_the_daemon_begins_a_key_once_and_submits_what_was_only_created() -> None:
    room = FakeControlRoom(half=True)
    with pytest.raises(Unavailable):
        room.launch(REQUEST, ())
    assert room.keys() == []
    room.ask([REQUEST, REQUEST])
    assert room.keys() == [REQUEST.run_key]
