"""Recorded sources: the n-th request of an address gets its n-th recording, or an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.adapters.sources.recorded import RecordedSources
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.errors import ProducerFailed
from dataplatform.releases.recipe import Recording
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.digest import digest_of, prefixed

pytestmark = pytest.mark.requirement("S4-9")
URL = "https://example.org/a.csv"


class Live:
    """A source that says the same to everybody."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked = 0

    def fetch(
        self, request: SourceRequest, path: str, stopped: Callable[[], bool] = lambda: False
    ) -> SourceAnswer:
        self.asked += 1
        Path(path).write_bytes(self.data)
        digest = prefixed(digest_of(self.data))
        return SourceAnswer(request.url, 200, {}, path, digest, len(self.data), now(), False)


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def recording(data: bytes, *, kept: bool = True) -> Recording:
    return Recording(URL, digest_of(data), len(data), kept)


def sources(*recordings: Recording, live: Live, kept: tuple[bytes, ...] = ()) -> RecordedSources:
    store = MemoryStore()
    for data in kept:
        store.put(keys.object_key(digest_of(data)), data)
    return RecordedSources(store, recordings, live, now)


def ask(found: RecordedSources, path: Path, url: str = URL) -> bytes:
    answer = found.fetch(SourceRequest(url, url, 10), str(path))
    data = Path(answer.path).read_bytes()
    assert answer.sha256 == prefixed(digest_of(data))
    return data


def test_each_request_gets_its_own_recording_and_one_more_the_last(tmp_path: Path) -> None:
    live = Live(b"other")
    found = sources(recording(b"1"), recording(b"2"), live=live, kept=(b"1", b"2"))
    assert [ask(found, tmp_path / "a") for _ in range(3)] == [b"1", b"2", b"2"]
    assert live.asked == 0
    assert found.problem is None


def test_what_was_not_kept_is_asked_for_and_has_to_be_the_same(tmp_path: Path) -> None:
    live = Live(b"1")
    assert ask(sources(recording(b"1", kept=False), live=live), tmp_path / "a") == b"1"
    live.data = b"2"
    found = sources(recording(b"1", kept=False), live=live)
    with pytest.raises(ProducerFailed, match="has other bytes now"):
        ask(found, tmp_path / "a")
    assert found.problem is not None


def test_an_address_without_a_recording_is_asked_of_nobody(tmp_path: Path) -> None:
    live = Live(b"1")
    found = sources(recording(b"1"), live=live, kept=(b"1",))
    with pytest.raises(ProducerFailed, match="was not fetched when the release was made"):
        ask(found, tmp_path / "a", "https://example.org/b.csv")
    assert live.asked == 0


def test_lost_and_damaged_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProducerFailed, match="are gone"):
        ask(sources(recording(b"1"), live=Live(b"1")), tmp_path / "a")
    store = MemoryStore()
    store.put(keys.object_key(digest_of(b"1")), b"2")
    with pytest.raises(ProducerFailed, match="are damaged"):
        ask(RecordedSources(store, [recording(b"1")], Live(b"1"), now), tmp_path / "a")
