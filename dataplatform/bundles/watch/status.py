"""The status of one bundle: everything that watching knows of it, together.

Here belongs putting the parts side by side; each is measured in its own module. Completeness and
access are measured now, damage and coverage are what the scrub remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dataplatform.alerts.deliver import read_alerts
from dataplatform.alerts.finding import Finding
from dataplatform.alerts.state import Alert, AlertState, Message
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch import findings as words
from dataplatform.bundles.watch.completeness import measure_completeness
from dataplatform.bundles.watch.expectation import FindSpec
from dataplatform.bundles.watch.measured import Completeness
from dataplatform.bundles.watch.monitoring import Monitoring
from dataplatform.bundles.watch.places import Places
from dataplatform.bundles.watch.storage import StorageHealth, storage_health
from dataplatform.bundles.watch.sync import BundleSync, SyncStatus, sync_status
from opendata.wire.bundle import BundleLock
from opendata.wire.errors import Corrupt


@dataclass(frozen=True)
class BundleStatus:
    """One bundle: what was measured, what is wrong with it, and which alerts are open about it.

    `sync` is None where its file is not at the head of the spec repository, or that cannot be seen;
    `sync_problem` says why then. `unsent` are messages about it that wait to be taken.
    """

    lock: BundleLock
    completeness: Completeness
    sync: BundleSync | None
    sync_problem: str | None
    storage: StorageHealth
    findings: tuple[Finding, ...]
    alerts: tuple[Alert, ...]
    unsent: tuple[Message, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong and no alert is open."""
        return not self.findings and not self.alerts

    def to_json(self) -> dict[str, Any]:
        """The status by name."""
        return {
            "bundle": str(self.lock.ref),
            "revision": self.lock.revision,
            "passed": self.passed,
            "completeness": self.completeness.to_json(),
            "sync": None if self.sync is None else vars(self.sync) | {"passed": self.sync.passed},
            "sync_problem": self.sync_problem,
            "storage": self.storage.to_json(),
            "findings": [one.to_json() for one in self.findings],
            "alerts": [one.to_json() for one in self.alerts],
            "unsent": [unsent_json(one) for one in self.unsent],
        }


def unsent_json(message: Message) -> dict[str, Any]:
    """A message that waits: for whom, about what, since when, and what was said of it last."""
    return {
        "target": message.target,
        "alert": message.key,
        "kind": message.kind,
        "since": message.created_at,
        "attempts": message.attempts,
        "last_error": message.last_error,
    }


def bundle_status(
    ports: BundlePorts,
    lock: BundleLock,
    *,
    now: datetime,
    monitoring: Monitoring | None = None,
    sync: SyncStatus | None = None,
    specs: FindSpec | None = None,
    places: Places | None = None,
) -> BundleStatus:
    """The status of a bundle as it is now.

    Args:
        monitoring: The thresholds; the document's without.
        sync, specs, places: To share among bundles what each of them would read again.

    Raises:
        Denied, Unavailable: as the store answers; places that do not are among the answers.
    """
    monitoring = monitoring or Monitoring()
    if sync is None:
        sync = sync_status(ports, now=now, settings=monitoring.sync, only=lock.spec.file)
    completeness = measure_completeness(
        ports, lock, now=now, monitoring=monitoring, specs=specs, places=places
    )
    storage = storage_health(ports, [lock], now=now, settings=monitoring.storage)
    own = sync.of(lock.spec.file)
    found = [*words.of_completeness(completeness, monitoring)]
    found += words.of_storage(storage, monitoring)
    found += [words.behind(own)] if own is not None and not own.passed else []
    known = open_alerts(ports)
    about = [one for one in known.open if concerns(one.key, lock)]
    keys = {one.key for one in about}
    return BundleStatus(
        lock=lock,
        completeness=completeness,
        sync=own,
        sync_problem=sync.problem,
        storage=storage,
        findings=tuple(found),
        alerts=tuple(about),
        unsent=tuple(one for one in known.outbox if one.key in keys),
    )


def open_alerts(ports: BundlePorts) -> AlertState:
    """The alerts as they were left; none where what is stored cannot be read: the next look begins
    anew.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    try:
        return read_alerts(ports.store)
    except Corrupt:
        return AlertState()


def concerns(key: str, lock: BundleLock) -> bool:
    """Whether an alert is about a bundle: itself, its file, its places or its channels."""
    exact = {
        f"{words.SYNC}{lock.spec.file}",
        f"{words.LOCKS}{lock.ref}",
        *(f"{words.ACCESS}{one.storage_path}" for one in lock.channels),
        *(f"{words.DAMAGE}{one.channel}/v{one.version}" for one in lock.channels),
    }
    return key in exact or key.startswith(f"{words.COMPLETENESS}{lock.ref}/")
