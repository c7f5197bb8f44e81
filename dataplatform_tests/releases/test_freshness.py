"""What has lain for long is written anew by whoever comes to need it, before it is collected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.releases.objects import LARGE_BYTES, put_object, put_object_at
from dataplatform_tests.fakes.ageing import AgeingStore
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import make_yard
from opendata.stores.ages import REFRESH_AFTER, is_due_for_refresh
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectStat
from opendata.wire import keys
from opendata.wire.errors import Denied

pytestmark = pytest.mark.requirement("B2", "S4-8")


def test_a_fresh_object_is_left_as_it_is() -> None:
    store = AgeingStore(MemoryStore())
    key = put_object(store, b"a")
    store.let_pass(hours=11)
    put_object(store, b"a")
    assert store.count("put*", key) == 2  # two that create, of which the second was refused
    assert store.count("put", key) == 0


def test_an_old_object_is_written_anew() -> None:
    store = AgeingStore(MemoryStore())
    key = put_object(store, b"a")
    store.let_pass(hours=13)
    put_object(store, b"a")
    assert store.count("put", key) == 1
    found = store.stat(key)
    assert found is not None and not is_due_for_refresh(found)


def test_a_large_object_that_is_old_is_written_anew() -> None:
    store = AgeingStore(MemoryStore())
    key = keys.object_key("a" * 64)
    put_object_at(store, key, b"said to be large", LARGE_BYTES)
    store.let_pass(hours=13)
    put_object_at(store, key, b"said to be large", LARGE_BYTES)
    assert store.count("put", key) == 2


def test_a_locked_object_stays_as_it_is_if_it_is_whole() -> None:
    """A bucket's lock keeps it from being replaced, and from being collected as well."""

    def locked() -> BaseException:
        return Denied("the bucket's lock says no")

    ageing = AgeingStore(MemoryStore())
    store = FaultyStore(ageing, [Fault("put", "objects/*", times=9, error=locked)])
    key = put_object(store, b"a")
    ageing.let_pass(hours=13)
    assert put_object(store, b"a") == key
    ageing.put(key, b"b")
    ageing.let_pass(hours=13)
    with pytest.raises(Denied):
        put_object(store, b"a")


def test_an_object_of_unknown_age_is_not_relied_upon() -> None:
    assert is_due_for_refresh(ObjectStat("k", 1, "t"))
    now = datetime.now(UTC)
    assert not is_due_for_refresh(ObjectStat("k", 1, "t", now))
    assert is_due_for_refresh(ObjectStat("k", 1, "t", now - REFRESH_AFTER - timedelta(seconds=1)))


def test_a_candidate_that_is_staged_again_is_young_again(tmp_path: Path) -> None:
    yard = make_yard(MemoryStore(), tmp_path)
    digest = yard.bench.build(rates(1)).digest
    yard.ageing.let_pass(days=29)
    assert yard.bench.build(rates(1)).digest == digest
    found = yard.store.stat(keys.candidate_key(yard.bench.dataset, digest))
    assert found is not None and not is_due_for_refresh(found)
