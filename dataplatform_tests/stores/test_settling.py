"""Whatever happens to a conditional write on its way, what is said about it in the end is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.stores import WatchedStore
from opendata.stores.memory import MemoryStore
from opendata.stores.patient_store import PatientStore
from opendata.stores.port import RATE_LIMITED, Payload
from opendata.wire.errors import Conflict, Unavailable

pytestmark = pytest.mark.requirement("B1")
Answer = TypeVar("Answer")
KEY, MINE = "pointer", b"mine"

LOST_BEFORE = "the request is lost"
LOST_AFTER = "the answer is lost"
REFUSED = "429"
OTHERS_BEFORE = "others write, and the request is lost"
OTHERS_AFTER = "the answer is lost, and others write"
OTHERS_IN_TIME = "others write, and the request arrives"
EVENTS = (LOST_BEFORE, LOST_AFTER, REFUSED, OTHERS_BEFORE, OTHERS_AFTER, OTHERS_IN_TIME)


class EventfulStore(WatchedStore):
    """A store to whose conditional writes one event happens after the other, then none."""

    def __init__(self, events: list[str]) -> None:
        super().__init__(MemoryStore())
        self.events = events
        self.writes = 0

    def _call(self, operation: str, key: str, act: Callable[[], Answer]) -> Answer:
        self._enter(operation, key)
        if operation not in ("put_new", "put_if_match") or not self.events:
            return act()
        event = self.events.pop(0)
        if event == REFUSED:
            raise Unavailable(event, code=RATE_LIMITED)
        if event in (OTHERS_BEFORE, OTHERS_IN_TIME):
            self.others_write()
        if event in (LOST_AFTER, OTHERS_AFTER, OTHERS_IN_TIME):
            answer = act()
        if event == OTHERS_AFTER:
            self.others_write()
        if event != OTHERS_IN_TIME:
            raise Unavailable(event, code="store_unavailable")
        return answer

    def others_write(self) -> None:
        self.writes += 1
        self.inner.put(KEY, f"o{self.writes:03}".encode())  # as long as mine


class BelievesRefusals(PatientStore):
    """A defect: one's own lost write is called somebody else's."""

    def _token_if_mine(self, key: str, data: Payload) -> str:
        return ""


class BelievesItself(PatientStore):
    """A defect: whatever lies there is called one's own."""

    def _token_if_mine(self, key: str, data: Payload) -> str:
        return self.get(key).token


def judge(
    events: list[str], creating: bool, patient_store: type[PatientStore] = PatientStore
) -> None:
    """Let the events happen to one write, and compare what is said with what is there."""
    store = EventfulStore(list(events))
    patient = patient_store(store, VirtualTime().patience())
    token = "" if creating else store.inner.put(KEY, b"earlier")
    try:
        said = patient.put_if_match(KEY, MINE, token) if token else patient.put_new(KEY, MINE)
    except Conflict:
        # Others were first, or have replaced it since: it is not what lies there now.
        assert store.writes
        assert store.inner.get(KEY).data != MINE
    except Unavailable:
        assert len(events) >= 12  # patience ended; it may have happened or not
    else:
        found = store.inner.get(KEY)
        assert (found.data, found.token) == (MINE, said)


@given(st.lists(st.sampled_from(EVENTS), max_size=14), st.booleans())
def test_what_is_said_of_a_conditional_write_is_true(events: list[str], creating: bool) -> None:
    judge(events, creating)


@pytest.mark.parametrize("creating", [True, False])
def test_known_defects_would_be_found(creating: bool) -> None:
    with pytest.raises(AssertionError):
        judge([LOST_AFTER], creating, BelievesRefusals)
    with pytest.raises(AssertionError):
        judge([OTHERS_BEFORE], creating, BelievesItself)


@given(st.lists(st.sampled_from((LOST_BEFORE, LOST_AFTER, REFUSED)), max_size=11), st.booleans())
def test_alone_a_writer_always_gets_through(events: list[str], creating: bool) -> None:
    store = EventfulStore(list(events))
    patient = PatientStore(store, VirtualTime().patience())
    if creating:
        said = patient.put_new(KEY, MINE)
    else:
        said = patient.put_if_match(KEY, MINE, store.inner.put(KEY, b"earlier"))
    assert (store.inner.get(KEY).data, store.inner.get(KEY).token) == (MINE, said)
