"""One look at everything: measure what is due, scrub on, update the alerts, send them.

Dagster calls it from a schedule, cron could as well; twice at once does no harm. A check that fails
is a finding of its own and stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from dataplatform.alerts.deliver import Delivery, deliver, update_alerts
from dataplatform.alerts.finding import Finding, Observation
from dataplatform.alerts.ports import Notifier
from dataplatform.alerts.state import AlertState
from dataplatform.bundles.compatibility import check_compatibility
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch import findings as words
from dataplatform.bundles.watch.completeness import measure_channel
from dataplatform.bundles.watch.expectation import find_specs
from dataplatform.bundles.watch.measured import ChannelCompleteness, Completeness
from dataplatform.bundles.watch.monitoring import Monitoring, newest_monitoring
from dataplatform.bundles.watch.places import Places
from dataplatform.bundles.watch.scrub import Scrubbed, scrub
from dataplatform.bundles.watch.storage import StorageHealth, storage_health
from dataplatform.bundles.watch.sync import SyncStatus, remember_look, sync_status
from dataplatform.bundles.watch.unpinned import forget_unpinned
from dataplatform.bundles.watch.watched import Watched, watched_bundles
from dataplatform.releases.update import update_object
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.bundle import BundleLock
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.limits import MARK_MAX_BYTES
from opendata.wire.times import format_instant, parse_instant

EARLY: Final = 0.95
"""What is due so soon is made now: else a schedule that is a second early skips each other time."""
TICK_KEY: Final = keys.watch_state_key("ticks")


class TickState(Wire):
    """When each check was last made."""

    checked: dict[str, str] = {}


decoder_of(TickState)


@dataclass
class Tick:
    """What a look gave; what was not due is None or empty."""

    now: datetime
    watched: Watched
    monitoring: Monitoring
    findings: list[Finding] = field(default_factory=list)
    completeness: tuple[Completeness, ...] = ()
    sync: SyncStatus | None = None
    storage: StorageHealth | None = None
    scrubbed: Scrubbed | None = None
    alerts: AlertState = field(default_factory=AlertState)
    delivery: Delivery | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """The look by name."""
        return {
            "at": format_instant(self.now),
            "passed": self.passed,
            "findings": [one.to_json() for one in self.findings],
            "completeness": [one.to_json() for one in self.completeness],
            "sync": self.sync.to_json() if self.sync else None,
            "storage": self.storage.to_json() if self.storage else None,
            "scrubbed": self.scrubbed.to_json() if self.scrubbed else None,
            "alerts": [one.to_json() for one in self.alerts.open],
            "sent": len(self.delivery.sent) if self.delivery else 0,
            "unsent": len(self.alerts.outbox),
        }


def watch_tick(ports: BundlePorts, notifier: Notifier, now: datetime) -> Tick:
    """Make a look at `now`: whatever is due, and who has to be told of it.

    Raises:
        NotFound: if there is no store.
        Denied, Unavailable: as the store answers; what it does not take is not told either.
    """
    return _Looking(ports, notifier, now).run()


class _Looking:
    def __init__(self, ports: BundlePorts, notifier: Notifier, now: datetime) -> None:
        self._ports, self._notifier, self._now = ports, notifier, now
        self._covers: list[str] = [words.CHECKS, words.TARGETS, words.LOCKS]
        self._unknown: set[str] = set()
        self._checked = dict(read_ticks(ports.store).checked)
        self.tick = Tick(now, watched_bundles(ports), Monitoring())

    def run(self) -> Tick:
        tick = self.tick
        tick.findings += words.of_locks(tick.watched.unreadable)
        tick.monitoring = self._guarded("monitoring", self._monitoring) or Monitoring()
        settings = tick.monitoring
        if settings.sync.check_dataspec_updates:
            self._guarded("sync", self._sync)
        if settings.storage.verify_checksums and self._is_due("scrub", timedelta()):
            self._guarded("scrub", self._scrub)
        self._guarded("compatibility", self._compatibility)
        self._guarded("storage", self._storage)
        if self._is_due("completeness", settings.completeness.check_interval):
            self._guarded("completeness", self._completeness)
        self._tell(settings)
        return tick

    def _is_due(self, check: str, interval: timedelta) -> bool:
        last = self._checked.get(check)
        if last is not None:
            since = self._now - parse_instant(last)
            # A schedule is never quite in time, and one in the future means a clock set back.
            if timedelta() <= since < interval * EARLY:
                return False
        self._checked[check] = format_instant(self._now)
        return True

    def _guarded(self, check: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except OpenDataError as error:
            self.tick.findings.append(words.of_failure(check, error))
            return None

    def _monitoring(self) -> Monitoring:
        return newest_monitoring(self._ports.open_spec_repo)

    def _sync(self) -> None:
        tick = self.tick
        status = sync_status(self._ports, now=self._now, settings=tick.monitoring.sync)
        remember_look(self._ports.store, status.memory)
        tick.sync = status
        tick.findings += words.of_sync(status, tick.monitoring)
        # While the repository does not answer, nothing about its files has changed.
        silent = status.problem is not None and status.is_set
        self._covers.append(f"{words.SYNC}repository" if silent else words.SYNC)

    def _compatibility(self) -> None:
        try:
            repo = self._ports.open_spec_repo()
        except NotFound:
            return
        found = check_compatibility(repo, repo.head(), self._ports.open_index_repo())
        self.tick.findings += words.of_compatibility(found)
        self._covers.append(words.COMPATIBILITY)

    def _scrub(self) -> None:
        tick = self.tick
        settings = tick.monitoring.storage
        tick.scrubbed = scrub(self._ports, tick.watched.locks, settings=settings, now=self._now)

    def _storage(self) -> None:
        tick = self.tick
        forget_unpinned(self._ports, tick.watched.locks)
        tick.storage = storage_health(
            self._ports, tick.watched.locks, now=self._now, settings=tick.monitoring.storage
        )
        tick.findings += words.of_storage(tick.storage, tick.monitoring)
        self._covers += [words.ACCESS, words.DAMAGE]

    def _completeness(self) -> None:
        tick = self.tick
        tick.completeness = measure_all(
            self._ports, tick.watched.locks, now=self._now, monitoring=tick.monitoring
        )
        for measured in tick.completeness:
            tick.findings += words.of_completeness(measured, tick.monitoring)
            self._unknown |= {
                words.completeness_key(measured.bundle, one.channel)
                for one in measured.channels
                if one.problem is not None
            }
        self._unknown |= {f"{words.COMPLETENESS}{one.bundle}/" for one in tick.watched.unreadable}
        self._covers.append(words.COMPLETENESS)

    def _by_now(self) -> datetime:
        """The time at which this look has come to its end: it may have taken long, and others have
        looked meanwhile, whose time must not be counted twice."""
        return max(self._now, self._ports.now())

    def _tell(self, settings: Monitoring) -> None:
        tick, store = self.tick, self._ports.store
        policy = settings.policy()
        targets = (*policy.targets, *(one for found in tick.findings for one in found.notify))
        tick.findings += words.of_targets(self._notifier.problems(targets))
        seen = Observation(tick.findings, tuple(self._covers), frozenset(self._unknown))
        update_alerts(store, seen, policy, self._by_now())
        _remember(self._ports, self._checked)
        tick.delivery = deliver(store, self._notifier, self._by_now)
        tick.alerts = tick.delivery.state


def measure_all(
    ports: BundlePorts, locks: Iterable[BundleLock], *, now: datetime, monitoring: Monitoring
) -> tuple[Completeness, ...]:
    """The completeness of many bundles: each place is listed once, one after the other."""
    locks = tuple(locks)
    specs, places = find_specs(ports), Places(ports.channels)
    asked = [(lock, one) for lock in locks for one in lock.channels]
    found: dict[tuple[str, str], ChannelCompleteness] = {}
    for lock, one in sorted(asked, key=lambda pair: pair[1].storage_path):
        found[str(lock.ref), one.channel] = measure_channel(
            ports, one, now=now, monitoring=monitoring, specs=specs, places=places
        )
    return tuple(
        Completeness(
            str(lock.ref), tuple(found[str(lock.ref), one.channel] for one in lock.channels)
        )
        for lock in locks
    )


def read_ticks(reader: ObjectReader) -> TickState:
    """When each check was last made; never, where nothing was recorded or the record is damaged.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    try:
        return read_wire(TickState, reader.get(TICK_KEY, max_bytes=MARK_MAX_BYTES).data, TICK_KEY)
    except (NotFound, Corrupt):
        return TickState()


def _remember(ports: BundlePorts, checked: dict[str, str]) -> None:
    """Remember what was checked, after the alerts: who dies before checks it again."""
    update_object(ports.store, TICK_KEY, lambda data: TickState(checked=checked).to_bytes())
