"""The store in memory, which other tests use as their real store."""

from __future__ import annotations

import pytest

from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import open_store
from opendata.stores.memory import MemoryStore


class TestMemoryStore(StoreConformance):
    """The whole port."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


def test_a_name_is_one_store_in_this_process() -> None:
    open_store("memory://shared-by-name", environ={}).put("k", b"1")
    assert open_store("memory://shared-by-name", environ={}).get("k").data == b"1"
    assert open_store("memory://another-name", environ={}).stat("k") is None


def test_unnamed_stores_share_nothing() -> None:
    MemoryStore().put("k", b"1")
    assert MemoryStore().stat("k") is None
