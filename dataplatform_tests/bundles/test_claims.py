"""Who asks for the run of a commit and path: one of them, whoever is killed in the middle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from dataplatform.bundles.claims import (
    LEASE,
    claim_request,
    hand_over,
    note_run,
    read_claim,
    sensors_turn,
)
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Corrupt, Unavailable

pytestmark = pytest.mark.requirement("B5")

REQUEST = BundleRequest("bundles/weekly/m-v1.0.0-2025.25.yaml", "a" * 40)
NOW = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_the_first_one_asks_and_the_other_sees_who_it_was(store: MemoryStore) -> None:
    assert claim_request(store, REQUEST, "hook", NOW).new
    later = claim_request(store, REQUEST, "sensor", NOW + timedelta(seconds=1))
    assert (later.new, later.claim.by, later.claim.run_key) == (False, "hook", REQUEST.run_key)


def test_of_many_at_once_one_has_claimed(store: MemoryStore) -> None:
    together, claims = Barrier(8), []

    def ask(by: str) -> None:
        together.wait()
        claims.append(claim_request(store, REQUEST, by, NOW))  # type: ignore[arg-type]

    threads = [Thread(target=ask, args=(by,)) for by in ("hook", "sensor") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(held.new for held in claims) == 1
    assert len({held.claim.claim_id for held in claims}) == 1


def test_a_claim_whose_answer_was_lost_is_known_as_ones_own(store: MemoryStore) -> None:
    lossy = FaultyStore(store, [Fault("put_new", after=True)])
    with pytest.raises(Unavailable):
        claim_request(lossy, REQUEST, "hook", NOW)
    assert claim_request(store, REQUEST, "hook", NOW).claim.by == "hook"


def test_the_sensor_asks_again_for_what_it_has_claimed(store: MemoryStore) -> None:
    assert [sensors_turn(store, REQUEST, NOW) for _ in range(3)] == ["ask"] * 3


def test_the_sensor_leaves_what_a_hook_has_launched_however_long_ago(store: MemoryStore) -> None:
    held = claim_request(store, REQUEST, "hook", NOW)
    assert note_run(store, held, "a run")
    assert sensors_turn(store, REQUEST, NOW) == "leave"
    assert sensors_turn(store, REQUEST, NOW + timedelta(days=300)) == "leave"


def test_a_control_room_that_was_set_up_anew_asks_for_runs_that_it_does_not_have(
    store: MemoryStore,
) -> None:
    note_run(store, claim_request(store, REQUEST, "hook", NOW), "of another room")
    assert sensors_turn(store, REQUEST, NOW, has_run=lambda run_id: False) == "ask"
    assert sensors_turn(store, REQUEST, NOW, has_run=lambda run_id: True) == "leave"


def test_the_sensor_waits_for_a_hook_and_takes_over_when_its_lease_is_over(
    store: MemoryStore,
) -> None:
    claim_request(store, REQUEST, "hook", NOW)
    assert sensors_turn(store, REQUEST, NOW + LEASE - timedelta(seconds=1)) == "wait"
    assert sensors_turn(store, REQUEST, NOW + LEASE) == "ask"
    held = read_claim(store, REQUEST)
    assert held is not None
    assert held.claim.by == "sensor"


def test_a_hook_that_notes_its_run_too_late_is_told(store: MemoryStore) -> None:
    held = claim_request(store, REQUEST, "hook", NOW)
    assert sensors_turn(store, REQUEST, NOW + LEASE) == "ask"
    assert note_run(store, held, "a run") is None


def test_two_sensors_do_not_take_over_together(store: MemoryStore) -> None:
    held = claim_request(store, REQUEST, "hook", NOW)
    assert hand_over(store, held, "sensor", NOW)
    assert hand_over(store, held, "sensor", NOW) is None


def test_a_clock_that_was_wrong_binds_nobody(store: MemoryStore) -> None:
    claim_request(store, REQUEST, "hook", NOW + timedelta(days=365))
    assert sensors_turn(store, REQUEST, NOW) == "ask"


def test_each_commit_and_path_is_a_request_of_its_own(store: MemoryStore) -> None:
    others = [
        BundleRequest(REQUEST.path, "b" * 40),
        BundleRequest("bundles/weekly/n-v1.0.0-2025.25.yaml", REQUEST.commit),
        BundleRequest("bundles/weekly/\udcff-v1.0.0.yaml", REQUEST.commit),  # no UTF-8
    ]
    assert all(claim_request(store, one, "hook", NOW).new for one in [REQUEST, *others])
    assert len(list(store.list("events/"))) == 4


def test_a_damaged_claim_is_named(store: MemoryStore) -> None:
    claim_request(store, REQUEST, "hook", NOW)
    [stat] = store.list("events/")
    store.put(stat.key, b"{")
    with pytest.raises(Corrupt, match=stat.key):
        sensors_turn(store, REQUEST, NOW)
