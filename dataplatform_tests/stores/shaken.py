"""What a patient store promises on a bad network: the whole port, but for two things.

There, bytes are all by which one's own lost write is known, and a refused write may have happened
and been replaced. So equal bytes count as one's own, and what many write has to be a join.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import AlreadyExists, ObjectStore, PreconditionFailed


class ShakenConformance(StoreConformance):
    """The whole port."""

    race_threads = 8
    race_rounds = 10
    counter_threads = 4

    def test_put_new_never_overwrites(self, store: ObjectStore) -> None:
        """But for bytes that are the same: those count as one's own."""
        store.put_new("k", b"first")
        with pytest.raises(AlreadyExists, match="k already exists"):
            store.put_new("k", b"second")
        assert store.get("k").data == b"first"

    def test_no_increment_of_a_shared_counter_is_lost(self, store: ObjectStore) -> None:
        """As joins, since a refused write may have happened and been replaced: none is lost."""
        store.put_new("joined", b"")
        names = [f"{writer}-{turn}" for writer in range(self.counter_threads) for turn in range(10)]

        def join(name: str) -> None:
            while True:
                found = store.get("joined")
                members = sorted({*found.data.decode().split(), name})
                try:
                    store.put_if_match("joined", " ".join(members).encode(), found.token)
                except PreconditionFailed:
                    continue
                return

        with ThreadPoolExecutor(self.counter_threads) as pool:
            list(pool.map(join, names))
        assert store.get("joined").data.decode().split() == sorted(names)
