"""A store in which time passes at once: what lies there looks older than it is.

Only the past is moved, so whoever compares with a real clock (the store's own, this machine's) sees
what he would see if he had waited.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from dataplatform_tests.fakes.stores import WRITES, WatchedStore
from opendata.stores.port import ObjectStat, ObjectStore


class AgeingStore(WatchedStore):
    """A real store with a time of its own, which several views may share."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self._passed = timedelta()
        self._written: dict[str, timedelta] = {}
        self._ages = threading.Lock()

    def let_pass(self, **time: float) -> None:
        """`let_pass(hours=5)`: whatever lies here is five hours older."""
        with self._ages:
            self._passed += timedelta(**time)

    def after(self, operation: str, key: str) -> None:
        if operation in WRITES:
            with self._ages:
                self._written[key] = self._passed

    def stat(self, key: str) -> ObjectStat | None:
        found = super().stat(key)
        return self._aged(found) if found else None

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return (self._aged(stat) for stat in super().list(prefix))

    def _aged(self, stat: ObjectStat) -> ObjectStat:
        assert stat.modified_at is not None
        with self._ages:
            age = self._passed - self._written.get(stat.key, timedelta())
        return replace(stat, modified_at=stat.modified_at - age)
