"""Sync: how far the published bundles are behind the spec repository (S0-70…S0-72).

For each bundle file at the repository's head: is its last commit indexed, how long did that take,
or how long has it been waiting, and why. The repository tells when a commit was made and not when
it was pushed; but what a look did not see was pushed after it, so the delay counts from then.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from dataplatform.bundles.outcomes import RequestOutcome, read_outcomes
from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.requests import is_bundle_file, printable
from dataplatform.bundles.watch.monitoring import SyncSettings
from dataplatform.ports import PathChange, SpecRepo
from opendata.reading.file_index.bundles import read_bundle, read_bundle_pointer
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, OpenDataError
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.times import format_instant, parse_instant

BUNDLES: Final = "bundles/"
SYNC_KEY: Final = keys.watch_state_key("sync")
NO_REPOSITORY: Final = "no_spec_repo"
State = Literal["indexed", "waiting", "late", "failed"]


class SeenCommit(Wire):
    """The last commit of a path, when it was made, and since when at most it can have been in the
    repository."""

    commit: str
    made: str
    since: str


class SyncMemory(Wire):
    """What the last look at the repository saw, and when it was."""

    looked_at: str | None = None
    seen: dict[str, SeenCommit] = {}


for _kind in (SeenCommit, SyncMemory):
    decoder_of(_kind)


@dataclass(frozen=True)
class BundleSync:
    """One bundle file. `delay_seconds` is from the commit to its index, or until now while there is
    none; `cause` and `repair` say what is in the way."""

    path: str
    commit: str
    committed_at: str
    state: State
    delay_seconds: float
    cause: str | None = None
    repair: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it is indexed, or may still be waiting."""
        return self.state in ("indexed", "waiting")


@dataclass(frozen=True)
class SyncStatus:
    """All bundle files at the repository's head; `problem` says why it could not be looked at.
    Where no repository is set (`is_set`) there is nothing to be behind."""

    head: str | None
    max_delay_seconds: float
    bundles: tuple[BundleSync, ...] = ()
    problem: str | None = None
    is_set: bool = True
    memory: SyncMemory | None = None

    @property
    def passed(self) -> bool:
        """Whether the repository answered, if there is one, and nothing is late or failed."""
        if not self.is_set:
            return True
        return self.problem is None and all(one.passed for one in self.bundles)

    def of(self, path: str) -> BundleSync | None:
        """What is known of one file."""
        return next((one for one in self.bundles if one.path == path), None)

    def to_json(self) -> dict[str, Any]:
        """The status by name."""
        return {
            "head": self.head,
            "passed": self.passed,
            "problem": self.problem,
            "max_delay_seconds": self.max_delay_seconds,
            "bundles": [{**asdict(one), "passed": one.passed} for one in self.bundles],
        }


def sync_status(
    ports: BundlePorts,
    *,
    now: datetime,
    settings: SyncSettings | None = None,
    only: str | None = None,
) -> SyncStatus:
    """How far the bundles are behind; a repository that does not answer is told as `problem`.

    Args:
        only: The path of the one bundle file that is asked about.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    settings = settings or SyncSettings()
    limit = settings.max_sync_delay
    try:
        repo = ports.open_spec_repo()
        head = repo.head()
        changes = repo.changes(None, head, only or BUNDLES)
    except OpenDataError as error:
        is_set = error.code != NO_REPOSITORY
        return SyncStatus(None, limit.total_seconds(), problem=error.message, is_set=is_set)
    looking = _Looking(repo, ports.store, now, limit)
    files = [one for one in changes if one.commit and is_bundle_file(one.path)]
    found = [looking.at(one) for one in files if only in (None, printable(one.path))]
    return SyncStatus(
        head=head,
        max_delay_seconds=limit.total_seconds(),
        bundles=tuple(found),
        memory=SyncMemory(looked_at=format_instant(now), seen=looking.seen) if not only else None,
    )


class _Looking:
    def __init__(
        self, repo: SpecRepo, store: ObjectReader, now: datetime, limit: timedelta
    ) -> None:
        self._repo, self._store, self._now, self._limit = repo, store, now, limit
        self._memory, self._outcomes = read_memory(store), read_outcomes(store)
        self.seen: dict[str, SeenCommit] = {}

    def at(self, change: PathChange) -> BundleSync:
        path, commit = printable(change.path), str(change.commit)
        known = self.seen[path] = self._seen(path, commit)
        since = parse_instant(known.since)
        ended = self._outcomes.get(path)
        if ended is not None and ended.commit != commit:
            ended = None
        done = self._done(change.path, commit, ended)
        if done is not None:
            return _sync(path, known, "indexed", done - since)
        age = self._now - since
        if ended is not None:
            again = f"od bundle index {path}"
            cause = str(ended.message)
            if ended.is_published:
                cause = f"its lock is published, and the index repository has it not yet: {cause}"
            repair = again if ended.is_published else ended.hint or again
            return _sync(path, known, "failed", age, cause, repair)
        if age <= self._limit:
            return _sync(path, known, "waiting", age)
        cause, repair = self._why(change.path, commit)
        return _sync(path, known, "late", age, cause, repair)

    def _seen(self, path: str, commit: str) -> SeenCommit:
        """Since when the commit can have been seen: not before it was made, nor before the last
        look that did not see it."""
        known = self._memory.seen.get(path)
        if known is not None and known.commit == commit:
            return known
        made = self._repo.committed_at(commit)
        last = self._memory.looked_at
        before = parse_instant(last) if last else made
        since = max(made, min(before, self._now))
        return SeenCommit(commit=commit, made=format_instant(made), since=format_instant(since))

    def _done(self, path: str, commit: str, ended: RequestOutcome | None) -> datetime | None:
        """When the commit was indexed, if it was. What readers have and the index repository lacks
        is not done: nobody else comes by to finish it."""
        if ended is not None and ended.outcome != "failed":
            return parse_instant(ended.at)
        if ended is not None and ended.is_published:
            return None
        try:
            ref = parse_bundle_ref(path)
            pointer = read_bundle_pointer(self._store, ref)
            if pointer is None:
                return None
            if pointer.spec_commit == commit:
                return parse_instant(pointer.updated_at)
            lock = read_bundle(self._store, ref).lock
        except (InvalidInput, Corrupt):
            return None  # a name that names none; a lock that cannot be read is told of elsewhere
        if lock.spec.commit == commit or (
            digest_of(self._repo.read(path, commit)) == lock.spec.sha256
        ):
            return parse_instant(lock.created_at)
        return None

    def _why(self, path: str, commit: str) -> tuple[str, str]:
        """Why a commit has no index: what is wrong with its file, or that no run has come to it."""
        try:
            parse_bundle_spec(self._repo.read(path, commit), path)
        except OpenDataError as error:
            return error.message, "od bundle check"
        return (
            "no run has indexed it: are the sensor and its daemon running?",
            f"od bundle index {printable(path)}",
        )


def _sync(
    path: str,
    known: SeenCommit,
    state: State,
    delay: timedelta,
    cause: str | None = None,
    repair: str | None = None,
) -> BundleSync:
    return BundleSync(
        path=path,
        commit=known.commit,
        committed_at=known.made,
        state=state,
        delay_seconds=max(0.0, delay.total_seconds()),
        cause=cause,
        repair=repair,
    )


def read_memory(reader: ObjectReader) -> SyncMemory:
    """What the last look saw; nothing where there was none, or its record was damaged.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    try:
        data = reader.get(SYNC_KEY, max_bytes=CATALOGUE_MAX_BYTES).data
        return read_wire(SyncMemory, data, SYNC_KEY)
    except (NotFound, Corrupt):
        return SyncMemory()


def remember_look(store: ObjectStore, memory: SyncMemory | None) -> None:
    """Remember what was seen. Of two who look at once either may remain: both saw it."""
    if memory is not None:
        store.put(SYNC_KEY, memory.to_bytes(), content_type="application/json")
