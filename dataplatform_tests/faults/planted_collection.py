"""Collections with a defect in them, as somebody might well write one; for tests only.

Each stands for a shortcut that looks right on a quiet store. The checks in `collection_checks` have
to tell every one of them from the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from dataplatform.releases import freeze, objects, publish
from dataplatform.releases.collecting import sweep
from dataplatform.releases.collecting.look import Rules
from dataplatform.releases.collecting.roots import RootDocument, Roots, StoreDocuments
from dataplatform.releases.ports import ReleasePorts
from dataplatform_tests.faults.collection_checks import Gardener
from opendata.reading.resolve import read_current
from opendata.stores.port import ObjectStat
from opendata.wire import keys
from opendata.wire.collection import UnnamedObject
from opendata.wire.ids import parse_dataset_id


class CurrentReleases:
    """Only what the pointers name: as if a rolled-back release were worth nothing."""

    def __init__(self, ports: ReleasePorts) -> None:
        self._ports = ports

    def documents(self) -> Iterator[RootDocument]:
        current: dict[str, str] = {}
        for stat in self._ports.store.list(keys.DATASETS):
            if (name := keys.dataset_of_pointer_key(stat.key)) is not None:
                release = read_current(self._ports.store, parse_dataset_id(name))
                assert release is not None
                current[keys.release_key(release.id, release.version)] = name
        for document in StoreDocuments(
            self._ports.store, (keys.STAGING, keys.DATASETS)
        ).documents():
            if document.key in current or document.key.startswith(keys.STAGING):
                yield RootDocument(document.key, document.digests, document.lasts)


class TrustingRoots(Roots):
    """Believes whatever a listing says."""

    def read(self) -> None:
        for source in self._sources:
            for document in source.documents():
                self._digests.add(document.digests)
                if document.lasts:
                    self._listed.add(document.key)


class HastyRoots(Roots):
    """Reads what is needed once and not again before it removes."""

    def read(self) -> None:
        if not self.documents:
            super().read()


@contextmanager
def patched(place: Any, name: str, value: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, value)
        yield


def remove_unseen(ports: ReleasePorts, limit: object, one: UnnamedObject) -> UnnamedObject:
    """Removes without looking whether the object is still the one that was marked."""
    ports.store.delete(keys.object_key(one.digest))
    return one


def never_old(stat: ObjectStat) -> bool:
    return False


def look_away(ports: ReleasePorts, document: Callable[[], bytes], what: str) -> None:
    """A publisher that does not look at the journals."""


@contextmanager
def look_away_everywhere() -> Iterator[None]:
    name = "require_not_condemned"
    with patched(freeze, name, look_away), patched(publish, name, look_away):
        yield


PLANTED: dict[str, Gardener] = {
    "one mark only": Gardener(rules=Rules(interval=timedelta()), marks_first=True),
    "marks at any distance": Gardener(rules=Rules(interval=timedelta())),
    "no grace": Gardener(rules=Rules(grace=timedelta())),
    "current pointers only": Gardener(roots=lambda ports: Roots([CurrentReleases(ports)])),
    "no candidates": Gardener(
        roots=lambda ports: Roots([StoreDocuments(ports.store, (keys.DATASETS,))])
    ),
    "believes any listing": Gardener(
        roots=lambda ports: TrustingRoots([StoreDocuments(ports.store)])
    ),
    "no second look at what is needed": Gardener(
        roots=lambda ports: HastyRoots([StoreDocuments(ports.store)])
    ),
    "no second look at the object": Gardener(
        defect=lambda: patched(sweep, "_remove_object", remove_unseen)
    ),
    "builds that do not write anew": Gardener(
        defect=lambda: patched(objects, "is_due_for_refresh", never_old)
    ),
    "publishers that do not look": Gardener(defect=look_away_everywhere),
}
