"""What nobody comes back for goes in time, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.bundles.claims import claim_request, read_claim
from dataplatform.bundles.leftovers import drop_leftovers, find_leftovers
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.fakes.ageing import AgeingStore
from opendata.stores import open_store
from opendata.wire import keys
from opendata.wire.version import parse_version

OLD = BundleRequest("bundles/weekly/model-v1.0.0-2024.25.yaml", "a" * 40)
YOUNG = BundleRequest("bundles/weekly/model-v1.0.0-2025.25.yaml", "b" * 40)
SEGMENT = f"{keys.channel_progress_prefix('images', parse_version('1.2.0'))}aa-000000.parquet"
INDEX = keys.channel_index_key("images", parse_version("1.2.0"))


@pytest.fixture
def store(tmp_path: Path) -> AgeingStore:
    store = AgeingStore(open_store(str(tmp_path / "store"), environ={}))
    store.put(SEGMENT, b"segment")
    store.put(INDEX, b"index")
    return store


def now() -> datetime:
    return datetime.now(UTC)


def test_what_was_put_aside_goes_after_a_week_and_the_index_stays(store: AgeingStore) -> None:
    assert find_leftovers(store, now()).keys == ()
    store.let_pass(days=6)
    assert find_leftovers(store, now()).keys == ()
    store.let_pass(days=1)
    found = find_leftovers(store, now())
    assert (found.segments, found.size_bytes) == ((SEGMENT,), len(b"segment"))
    drop_leftovers(store, found)
    drop_leftovers(store, found)  # who was there first has done it
    assert store.stat(SEGMENT) is None
    assert store.stat(INDEX) is not None


@pytest.mark.requirement("B5")
def test_a_claim_goes_with_its_partition_once_it_is_old(store: AgeingStore) -> None:
    claim_request(store, OLD, "hook", now() - timedelta(days=401))
    claim_request(store, YOUNG, "hook", now())
    assert find_leftovers(store, now(), ()).claims == ()  # it was written just now
    store.let_pass(days=401)
    both = {OLD.partition, YOUNG.partition}
    assert find_leftovers(store, now()).claims == ()  # nobody says which partitions there are
    assert find_leftovers(store, now(), both).claims == ()
    found = find_leftovers(store, now(), {YOUNG.partition})
    assert len(found.claims) == 1
    drop_leftovers(store, found)
    assert read_claim(store, OLD) is None
    assert read_claim(store, YOUNG) is not None


def test_a_claim_that_cannot_be_read_stays(store: AgeingStore) -> None:
    store.put(f"{keys.EVENTS}bundles/{'0' * 64}.json", b"{")
    store.let_pass(days=1000)
    assert find_leftovers(store, now(), ()).claims == ()
