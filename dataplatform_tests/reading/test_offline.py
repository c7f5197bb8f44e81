"""What was read before is not fetched again, and is there without a network."""

from __future__ import annotations

import pytest

from dataplatform_tests.reading.library import (
    TABLE,
    FarSettings,
    Library,
    countries,
)
from dataplatform_tests.reading.remote import Remote
from opendata._dataset import Dataset
from opendata.wire.errors import NotFound, Unavailable


@pytest.mark.requirement("B14", "S1-11")
def test_what_was_read_before_is_not_fetched_again(far: FarSettings, remote: Remote) -> None:
    first, second = Dataset("tests/rates", far), Dataset("tests/rates", far)
    assert first.load(format="arrow").equals(TABLE)
    remote.requests.clear()
    assert second.load(format="arrow").equals(TABLE)
    assert [key for key in remote.requests if key.startswith("objects/")] == []
    assert (second.stats.cache_hits, second.stats.requests) == (6, 0)
    assert not second.stats.offline


@pytest.mark.requirement("B14", "S1-11")
def test_the_cache_never_hides_a_new_release(far: FarSettings, library: Library) -> None:
    handle = Dataset("tests/rates", far)
    assert handle.load(format="arrow").num_rows == 270
    library.bench.release(countries(91))
    assert handle.load(format="arrow").num_rows == 270  # one handle, one release
    assert Dataset("tests/rates", far).load(format="arrow").equals(countries(91))
    assert Dataset("tests/rates@1.0.0", far).load(format="arrow").equals(TABLE)


@pytest.mark.requirement("B14")
def test_without_a_network_what_was_read_before_is_there_and_says_so(
    far: FarSettings, remote: Remote
) -> None:
    online = Dataset("tests/rates", far)
    online.load()
    assert online.info["title"] == "Rates"
    remote.is_cut = True
    offline = Dataset("tests/rates", far)
    assert offline.load(format="arrow").equals(TABLE)
    assert offline.stats.offline
    assert "offline, from the cache" in str(offline.stats)
    assert offline.info["title"] == "Rates"
    assert next(offline.batches(batch_size=100)).num_rows == 100
    remote.is_cut = False
    again = Dataset("tests/rates", far)
    again.load()
    assert not again.stats.offline


@pytest.mark.requirement("B14")
def test_without_a_network_and_a_memory_one_sentence_says_so(
    far: FarSettings, remote: Remote
) -> None:
    remote.is_cut = True
    with pytest.raises(Unavailable, match="never read here before") as refused:
        Dataset("tests/rates", far).load()
    assert refused.value.message.startswith("https://far.example/store does not answer")


def test_what_was_not_read_before_is_not_there_offline(far: FarSettings, remote: Remote) -> None:
    Dataset("tests/rates", far).load(end="2026-01-31")
    remote.is_cut = True
    assert Dataset("tests/rates", far).load(end="2026-01-31", format="arrow").num_rows == 93
    with pytest.raises(Unavailable):
        Dataset("tests/rates", far).load()


def test_a_store_that_says_there_is_no_such_data_set_is_believed(
    far: FarSettings, library: Library
) -> None:
    Dataset("tests/rates", far).load()
    library.bench.store.delete("datasets/tests/rates/latest.json")
    with pytest.raises(NotFound, match="is not published"):
        Dataset("tests/rates", far).load()
