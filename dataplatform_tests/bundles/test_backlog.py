"""What the sensor asks for at each look, and how its cursor moves on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataplatform.bundles.backlog import Cursor, Look, look_at, read_cursor
from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.claims import LEASE, claim_request, note_run
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.stores.memory import MemoryStore

pytestmark = pytest.mark.requirement("M-9", "S0-3", "B5")

NOW = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)


def path(number: int) -> str:
    return f"bundles/weekly/m{number:03}-v1.0.0.yaml"


class Sensor:
    """A sensor that is looked through at each of its looks."""

    def __init__(self, at_once: int = 100) -> None:
        self.repo, self.store, self.at_once = FakeSpecRepo(), MemoryStore(), at_once
        self.cursor, self.now = "", NOW

    def look(self) -> Look:
        look = look_at(
            self.repo, self.store, read_cursor(self.cursor), self.now, at_once=self.at_once
        )
        self.cursor = str(look.cursor)
        self.now += timedelta(seconds=30)
        return look

    def asked(self) -> list[str]:
        return [one.path for one in self.look().ask]


def test_a_commit_is_asked_for_once_and_the_cursor_is_its_name() -> None:
    sensor = Sensor()
    commit = sensor.repo.commit({path(1): "a", "README.md": "about"})
    assert sensor.look().ask == (BundleRequest(path(1), commit),)
    assert sensor.cursor == commit
    assert sensor.asked() == []


def test_much_at_once_is_asked_for_in_parts_and_nothing_is_lost_or_repeated() -> None:
    sensor = Sensor(at_once=4)
    head = sensor.repo.commit({path(n): "a" for n in range(10)})
    looks = [sensor.look() for _ in range(3)]
    assert [one.path for look in looks for one in look.ask] == [path(n) for n in range(10)]
    assert [look.more for look in looks] == [6, 2, 0]
    assert sensor.cursor == head


def test_what_is_pushed_meanwhile_is_asked_for_whichever_path_it_is_of() -> None:
    sensor = Sensor(at_once=2)
    sensor.repo.commit({path(n): "a" for n in range(4)})
    first = sensor.look().ask
    head = sensor.repo.commit(
        {path(0): "b", path(3): "b"}
    )  # one that was asked for, one that was not
    rest = [one for _ in range(4) for one in sensor.look().ask]
    asked = [*first, *rest]
    assert BundleRequest(path(0), head) in asked
    assert BundleRequest(path(3), head) in asked
    assert {one.path for one in asked} == {path(n) for n in range(4)}
    assert sensor.cursor == head


def test_a_cursor_that_was_not_stored_asks_again_for_the_same() -> None:
    sensor = Sensor()
    sensor.repo.commit({path(1): "a"})
    first = sensor.look().ask
    sensor.cursor = ""  # the daemon was killed before it stored it
    assert sensor.look().ask == first


def test_a_request_that_a_hook_has_claimed_is_waited_for_and_does_not_hold_up_others() -> None:
    sensor = Sensor()
    head = sensor.repo.commit({path(1): "a", path(2): "a"})
    hooked = canonical_request(sensor.repo, path(1), head)
    claim_request(sensor.store, hooked, "hook", NOW)
    assert sensor.asked() == [path(2)]
    assert read_cursor(sensor.cursor) == Cursor(head, waiting=((path(1), head),))
    later = sensor.repo.commit({path(3): "a"})
    assert sensor.asked() == [path(3)]
    sensor.now = NOW + LEASE
    assert sensor.asked() == [path(1)]
    assert sensor.cursor == later


def test_a_request_that_the_hook_has_launched_meanwhile_is_left() -> None:
    sensor = Sensor()
    head = sensor.repo.commit({path(1): "a"})
    held = claim_request(sensor.store, BundleRequest(path(1), head), "hook", NOW)
    assert sensor.look().ask == ()
    assert note_run(sensor.store, held, "a run")
    look = sensor.look()
    assert (look.ask, look.left) == ((), (BundleRequest(path(1), head),))
    assert sensor.cursor == head


def test_what_was_overtaken_or_deleted_is_not_waited_for() -> None:
    sensor = Sensor()
    head = sensor.repo.commit({path(1): "a", path(2): "a"})
    for number in (1, 2):
        claim_request(sensor.store, BundleRequest(path(number), head), "hook", NOW)
    sensor.look()
    newer = sensor.repo.commit({path(1): "b", path(2): None})
    look = sensor.look()
    assert look.ask == (BundleRequest(path(1), newer),)
    assert look.deleted == (path(2),)
    assert sensor.cursor == newer


def test_a_rewritten_history_is_looked_through_again() -> None:
    sensor = Sensor()
    base = sensor.repo.commit({path(1): "a"})
    sensor.repo.commit({path(2): "a"})
    sensor.look()
    sensor.repo.reset(base)
    head = sensor.repo.commit({path(3): "a"})
    look = sensor.look()
    assert look.rescanned
    assert look.ask == (BundleRequest(path(1), base), BundleRequest(path(3), head))
    assert look.deleted == (path(2),)


def test_a_history_that_is_rewritten_in_the_middle_of_a_backlog_begins_it_anew() -> None:
    sensor = Sensor(at_once=1)
    base = sensor.repo.commit({path(1): "a"})
    sensor.repo.commit({path(1): "b"})
    full = sensor.repo.commit({path(1): "c", path(2): "c"})
    sensor.look()
    sensor.repo.reset(base)
    sensor.look()
    sensor.repo.reset(full)
    asked = [one for _ in range(3) for one in sensor.look().ask]
    assert BundleRequest(path(2), full) in asked


@pytest.mark.parametrize("text", ["", "{", '{"commit": 3}', "[]", "no commit"])
def test_a_cursor_that_is_none_begins_anew(text: str) -> None:
    sensor = Sensor()
    sensor.repo.commit({path(1): "a"})
    sensor.cursor = text
    assert sensor.asked() == [path(1)]


def test_a_cursor_is_read_as_it_was_stored() -> None:
    for cursor in (Cursor(), Cursor("a"), Cursor("a", "b", path(1), ((path(2), "c"),))):
        assert read_cursor(str(cursor)) == cursor
