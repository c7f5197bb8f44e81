"""Health: the outcomes of a data set's runs, failed ones above all (requirements S1-86, S1-87)."""

from __future__ import annotations

from datetime import datetime

from dataplatform.errors import failure_class_of
from dataplatform.releases.trace import RunReference
from dataplatform.releases.update import update_object
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.catalogue import Health, RunOutcome, read_health
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.times import format_instant

MESSAGE_MAX_CHARS = 500


def read_recorded_health(reader: ObjectReader, dataset: DatasetId) -> Health:
    """The recorded outcomes; none where nothing ran, or where the record was damaged."""
    key = keys.health_key(dataset)
    try:
        return read_health(reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    except (NotFound, Corrupt):
        return Health()


def record_outcome(
    store: ObjectStore, dataset: DatasetId, outcome: RunOutcome, *, late: bool = False
) -> Health:
    """Append one run's outcome, `late` if others may have ended since; the same run counts once."""

    def join(data: bytes | None) -> bytes:
        try:
            health = read_health(data, keys.health_key(dataset)) if data else Health()
        except Corrupt:
            health = Health()  # a damaged record must not stop the next run from being recorded
        return health.with_run(outcome, late=late).to_bytes()

    stored = update_object(store, keys.health_key(dataset), join)
    return read_health(stored, keys.health_key(dataset))


def failed_outcome(run: RunReference, at: datetime, error: BaseException) -> RunOutcome:
    """The outcome of a run that ended with an error, classified."""
    return RunOutcome(
        run_id=run.run_id,
        by=run.by,
        at=format_instant(at),
        outcome="failed",
        failure_class=str(failure_class_of(error)),
        message=(str(error) or type(error).__name__)[:MESSAGE_MAX_CHARS],
    )


def succeeded_outcome(
    run: RunReference, at: datetime, release: str, *, published: bool
) -> RunOutcome:
    """The outcome of a run that published a release or found nothing changed."""
    message = f"published {release}" if published else f"no change since {release}"
    return RunOutcome(
        run_id=run.run_id,
        by=run.by,
        at=format_instant(at),
        outcome="published" if published else "unchanged",
        release=release,
        message=message,
    )
