"""Retention: candidates that nobody froze go when they are old (requirements S4-89, B2).

A temporary release is a staged candidate with its verdicts. Here belongs which of them may go.
Retention never sees what is frozen: a frozen manifest, published or not, stays for ever, and so do
the candidate that it was made from and the verdicts on it, which are its evidence. The objects of
a candidate that went are the business of `sweep`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from dataplatform.releases.collecting.roots import RootDocument, Roots, StoreDocuments
from dataplatform.releases.collecting.store_clock import modified_at, store_now
from dataplatform.releases.defaults import DEFAULT_TTL, TTL_MIN
from dataplatform.releases.ports import ReleasePorts
from opendata.stores.port import ObjectStat
from opendata.wire import keys
from opendata.wire.digest import is_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import DatasetId, is_dataset_id, parse_dataset_id
from opendata.wire.times import format_instant


class Keeping(StrEnum):
    """Why a candidate stays, or that it has expired."""

    FROZEN = "frozen"
    PINNED = "pinned"
    PENDING = "pending"
    NEWEST = "newest"
    YOUNG = "young"
    EXPIRED = "expired"


@dataclass(frozen=True)
class StagedCandidate:
    """A candidate (bare digest), when it was last staged or judged, and whether it may go."""

    candidate: str
    staged_at: datetime
    size_bytes: int
    files: tuple[str, ...]
    keeping: Keeping
    because: str

    def to_json(self) -> dict[str, Any]:
        """The same by name, without the keys of its files."""
        return {
            "candidate": self.candidate,
            "staged_at": format_instant(self.staged_at),
            "size_bytes": self.size_bytes,
            "files": len(self.files),
            "keeping": str(self.keeping),
            "because": self.because,
        }


@dataclass(frozen=True)
class Retention:
    """What was found of one data set; what has expired is gone if it `applied`."""

    id: DatasetId
    applied: bool
    candidates: tuple[StagedCandidate, ...]

    @property
    def expired(self) -> tuple[StagedCandidate, ...]:
        """What goes, or went."""
        return tuple(one for one in self.candidates if one.keeping is Keeping.EXPIRED)

    def to_json(self) -> dict[str, Any]:
        """What expired and what stays, with reasons."""
        stays = [one for one in self.candidates if one.keeping is not Keeping.EXPIRED]
        return {
            "id": str(self.id),
            "applied": self.applied,
            "expired": [one.to_json() for one in self.expired],
            "kept": [one.to_json() for one in stays],
        }


def staged_datasets(ports: ReleasePorts) -> list[DatasetId]:
    """Every data set that has something staged."""
    names = {"/".join(stat.key.split("/")[1:3]) for stat in ports.store.list(keys.STAGING)}
    return [parse_dataset_id(name) for name in sorted(names) if is_dataset_id(name)]


def review_staged(
    ports: ReleasePorts,
    dataset: DatasetId,
    ttl: timedelta = DEFAULT_TTL,
    pending: Collection[str] = (),
) -> Retention:
    """What enforcing would find now, by this machine's clock; nothing is written.

    Raises: as `enforce_retention`.
    """
    _require_long_enough(ttl)
    return Retention(dataset, False, _judged(ports, dataset, ports.now(), ttl, pending))


def enforce_retention(
    ports: ReleasePorts,
    dataset: DatasetId,
    ttl: timedelta = DEFAULT_TTL,
    pending: Collection[str] = (),
) -> Retention:
    """Remove the candidates of a data set that are older than `ttl` by the store's clock.

    Verdicts go before their candidate, so that killed in between nothing can be frozen from what
    is left, and the next time finishes it.

    Args:
        ttl: At least a day.
        pending: Candidates (bare digests) that somebody outside of the store remembers.

    Raises:
        InvalidInput: if `ttl` is shorter.
        Corrupt: naming a document that cannot be read, since it may pin a candidate.
        Rejected: if the listing is not complete.
    """
    _require_long_enough(ttl)
    now = store_now(ports)
    candidates = _judged(ports, dataset, now, ttl, pending)
    for one in candidates:
        if one.keeping is Keeping.EXPIRED and not _is_used_again(ports, dataset, one, now - ttl):
            for key in sorted(one.files, key=_candidate_last):
                ports.store.delete(key)
    return Retention(dataset, True, candidates)


def _require_long_enough(ttl: timedelta) -> None:
    if ttl < TTL_MIN:
        raise InvalidInput(
            "candidates stay for a day at least: a run may be at work on a younger one",
            code="ttl_too_short",
            hint="od retention --ttl 1d",
        )


def _candidate_last(key: str) -> tuple[bool, str]:
    return key.endswith("/candidate.json"), key


def _is_used_again(
    ports: ReleasePorts, dataset: DatasetId, one: StagedCandidate, limit: datetime
) -> bool:
    """Whether somebody staged or judged it since it was listed."""
    stats = ports.store.list(keys.staging_prefix(dataset, one.candidate))
    return any(modified_at(ports, stat) > limit for stat in stats)


def _judged(
    ports: ReleasePorts,
    dataset: DatasetId,
    now: datetime,
    ttl: timedelta,
    pending: Collection[str],
) -> tuple[StagedCandidate, ...]:
    staged = list(_staged(ports, dataset))
    old = {digest for digest, stats in staged if now - _newest(ports, stats) >= ttl}
    naming = _naming(ports, dataset, old) if old else {}
    newest = _newest_candidate(ports, staged)
    candidates = []
    for digest, stats in staged:
        keeping, because = Keeping.YOUNG, "younger than the time that candidates stay"
        if digest in old:
            keeping, because = _why_kept(digest, naming.get(digest), newest, pending)
        candidates.append(
            StagedCandidate(
                digest,
                _newest(ports, stats),
                sum(stat.size for stat in stats),
                tuple(stat.key for stat in stats),
                keeping,
                because,
            )
        )
    return tuple(sorted(candidates, key=lambda one: (one.staged_at, one.candidate)))


def _why_kept(
    digest: str, named_by: str | None, newest: str | None, pending: Collection[str]
) -> tuple[Keeping, str]:
    if named_by is not None:
        is_frozen = keys.dataset_of_release_key(named_by) is not None
        return (Keeping.FROZEN if is_frozen else Keeping.PINNED), f"named by {named_by}"
    if digest in pending:
        return Keeping.PENDING, "the next part of a back-fill is built upon it"
    if digest == newest:
        return Keeping.NEWEST, "the newest one: it may still be released, or built upon"
    return Keeping.EXPIRED, "old, and nothing names it"


def _staged(ports: ReleasePorts, dataset: DatasetId) -> Iterator[tuple[str, list[ObjectStat]]]:
    prefix = keys.staged_prefix(dataset)
    stats = ports.store.list(prefix)
    for digest, of_one in groupby(stats, lambda stat: stat.key.removeprefix(prefix).split("/")[0]):
        if is_digest(digest):  # what else lies here was put here by hand
            yield digest, [*of_one]


def _newest_candidate(
    ports: ReleasePorts, staged: list[tuple[str, list[ObjectStat]]]
) -> str | None:
    """The one staged last; verdicts whose candidate is gone are none."""
    times = {
        digest: _newest(ports, stats)
        for digest, stats in staged
        if any(_candidate_last(stat.key)[0] for stat in stats)
    }
    return max(times, key=lambda digest: times[digest], default=None)


def _newest(ports: ReleasePorts, stats: list[ObjectStat]) -> datetime:
    return max(modified_at(ports, stat) for stat in stats)


def _naming(ports: ReleasePorts, dataset: DatasetId, digests: set[str]) -> dict[str, str]:
    """Which document of the data set names which candidate; a frozen manifest before others."""
    source = _Documents(ports, dataset, digests)
    Roots([source]).read()
    return source.naming


class _Documents:
    """The documents of one data set; notes on the way which of them name some digests."""

    def __init__(self, ports: ReleasePorts, dataset: DatasetId, digests: set[str]) -> None:
        self._stored = StoreDocuments(ports.store, (keys.dataset_prefix(dataset),))
        self._digests = {bytes.fromhex(digest): digest for digest in digests}
        self._store = ports.store
        self._pointer = keys.pointer_key(dataset)
        self.naming: dict[str, str] = {}

    def documents(self) -> Iterator[RootDocument]:
        """All of them; and the pointer once more, which is known without a listing."""
        for document in self._stored.documents():
            for raw in document.each_digest():
                if (digest := self._digests.get(raw)) is not None:
                    self._note(digest, document.key)
            yield document
        if self._store.stat(self._pointer) is not None:
            yield RootDocument("whoever looks for it", requires=(self._pointer,))

    def _note(self, digest: str, key: str) -> None:
        if digest not in self.naming or keys.dataset_of_release_key(key) is not None:
            self.naming[digest] = key
