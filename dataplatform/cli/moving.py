"""Moving a data set's pointer back, with who did it written down beside the runs."""

from __future__ import annotations

import getpass
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from dataplatform.releases.derive import derive_copies, show_outcome
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import move_back
from opendata.reading.resolve import resolve
from opendata.wire.catalogue import RunOutcome
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.times import format_instant
from opendata.wire.version import Version


@dataclass(frozen=True)
class Moved:
    """Which release readers saw before and which they see now; `moved` is False for the same."""

    id: str
    before: str
    release: str
    generation: int
    moved: bool
    by: str

    def to_json(self) -> dict[str, Any]:
        """The move by name."""
        return asdict(self)


def move(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Moved:
    """Point readers at an earlier release and bring the derived copies along.

    Raises:
        NotFound, Rejected: if data set or release do not exist, or its objects are gone.
        Conflict: if somebody published meanwhile.
    """
    before = look_ahead(ports, dataset, version).before
    published = move_back(ports, dataset, version)
    by = _by()
    if published.moved:
        derive_copies(ports, dataset)
        _record(ports, dataset, before, str(version), by)
    pointer = published.pointer
    return Moved(str(dataset), before, str(version), pointer.generation, published.moved, by)


def look_ahead(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Moved:
    """What :func:`move` would do.

    Raises:
        NotFound: if data set or release do not exist.
    """
    current = resolve(ports.store, Reference(dataset))
    resolve(ports.store, Reference(dataset, version))
    generation = current.pointer.generation if current.pointer else 0
    moves = current.version != version
    return Moved(str(dataset), str(current.version), str(version), generation + moves, moves, _by())


def _by() -> str:
    """Who moves it: the name of the person at this machine, as far as it tells."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown user"
    return f"od rollback ({name})"


def _record(ports: ReleasePorts, dataset: DatasetId, before: str, release: str, by: str) -> None:
    outcome = RunOutcome(
        run_id=uuid.uuid4().hex,
        by=by,
        at=format_instant(ports.now()),
        outcome="published",
        release=release,
        message=f"rolled back from {before} to {release}",
    )
    show_outcome(ports, dataset, outcome)
