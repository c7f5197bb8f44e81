"""Known ways to get the release protocol wrong, each as a double in the right one's place.

Product code has no switch for any of them: a double wraps the store, or takes one function's place
for the length of a test. They are what other systems were bitten by; the suite must notice.
"""

from __future__ import annotations

from typing import Any

import pytest

from dataplatform.releases import freeze, lines, publish, repair
from dataplatform.releases.ports import ReleasePorts
from dataplatform_tests.fakes.stores import WatchedStore
from opendata.reading.history import walk_history
from opendata.reading.resolve import Release, Route, read_route
from opendata.stores.port import Blob, ObjectStat, ObjectStore, Payload, PreconditionFailed
from opendata.wire import keys
from opendata.wire.digest import digest_of
from opendata.wire.errors import Conflict, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import Manifest
from opendata.wire.marks import FreezeState
from opendata.wire.pointer import Pointer, PointerKind


class ContentTokens(WatchedStore):
    """No defect: the token of equal bytes is equal, as S3's is for small objects."""

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        data = super().get(key, max_bytes=max_bytes).data
        return Blob(data, digest_of(data))

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        blob = self.inner.get(key)
        if digest_of(blob.data) != token:
            raise PreconditionFailed(f"{key} was changed by somebody else")
        super().put_if_match(key, data, blob.token, content_type=content_type)
        return digest_of(data)


class PointerFirst(WatchedStore):
    """Reversed write order: manifests and commit records are kept back until the pointer is out."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self._behind: dict[str, Payload] = {}

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        if "/commits/" in key or "/releases/" in key:
            self._behind[key] = data
            return "later"
        token = super().put_new(key, data, content_type=content_type)
        self._catch_up(key)
        return token

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        written = super().put_if_match(key, data, token, content_type=content_type)
        self._catch_up(key)
        return written

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        behind = self._behind.get(key)
        return Blob(bytes(behind), "later") if isinstance(behind, bytes) else super().get(key)

    def stat(self, key: str) -> ObjectStat | None:
        behind = self._behind.get(key)
        if isinstance(behind, bytes):
            return super().stat(key) or ObjectStat(key, len(behind), "later", None)  # type: ignore[arg-type]
        return super().stat(key)

    def _catch_up(self, key: str) -> None:
        if key.endswith("/latest.json"):
            for name, data in self._behind.items():
                super().put_new(name, data)
            self._behind.clear()


class NoCondition(WatchedStore):
    """A compare-and-set that does not compare."""

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        return self.put(key, data, content_type=content_type)


class LastMarkWins(WatchedStore):
    """Marks that are written over."""

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        if "/marks/" in key:
            super().before("put_new", key)
            return self.inner.put(key, data, content_type=content_type)
        return super().put_new(key, data, content_type=content_type)


def refuse_blindly(patch: pytest.MonkeyPatch) -> None:
    """Blind 412: a refused swap is taken as lost, although one's own write may have landed."""

    def settle(store: ObjectStore, dataset: DatasetId, mine: Pointer, error: Any) -> Pointer:
        raise Conflict(f"{dataset}@{mine.release} was not published: {error}") from error

    patch.setattr(publish, "_settle", settle)


def put_the_old_pointer_back(patch: pytest.MonkeyPatch) -> None:
    """Naive If-Match: a rollback restores the pointer's old bytes, so an old condition holds."""
    sound = publish._next_pointer

    def restored(
        ports: ReleasePorts, release: Release, route: Route | None, kind: PointerKind
    ) -> Pointer:
        if kind == "rollback" and route is not None:
            for commit in walk_history(ports.store, release.id, route.pointer):
                if commit.release == str(release.version):
                    return commit
        return sound(ports, release, route, kind)

    patch.setattr(publish, "_next_pointer", restored)


def swap_until_it_works(patch: pytest.MonkeyPatch) -> None:
    """A refused swap is sent again with the condition of whatever is there by now."""

    def swap(store: ObjectStore, dataset: DatasetId, pointer: Pointer, base: Any) -> Pointer:
        data, key = pointer.to_bytes(), keys.pointer_key(dataset)
        store.put_new(keys.commit_key(dataset, pointer.generation, pointer.commit_id), data)
        while True:
            try:
                if base is None:
                    store.put_new(key, data)
                else:
                    store.put_if_match(key, data, base.token)
                return pointer
            except (Conflict, NotFound):
                base = read_route(store, dataset)

    patch.setattr(publish, "_swap", swap)


def forget_hard_freezes(patch: pytest.MonkeyPatch) -> None:
    """A hard freeze that is recorded and not enforced."""
    patch.setattr(freeze, "closed_by", lambda ports, current: None)
    patch.setattr(publish, "publishing_kind", lambda release, current, state: "publish")


def harden_only_by_marks(patch: pytest.MonkeyPatch) -> None:
    """A window that stays open until the schedule has come by."""
    sound = publish.freeze_state_of

    def state(reader: Any, manifest: Manifest, now: Any) -> FreezeState:
        found = sound(reader, manifest, now)
        return FreezeState("soft", until=found.until) if found.cause == "window" else found

    patch.setattr(publish, "freeze_state_of", state)


def call_everything_a_hot_fix(patch: pytest.MonkeyPatch) -> None:
    """Rows that are only added count as a correction."""
    patch.setattr(lines, "corrects", lambda manifest: True)


def leave_rollbacks_half_done(patch: pytest.MonkeyPatch) -> None:
    """A repair that does not look at what a rollback should have withdrawn."""
    patch.setattr(repair, "missing_yanks", lambda reader, dataset, commits: [])
