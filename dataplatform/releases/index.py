"""Index: `index.json`, what all pointers together say (requirements S1-19, S1-60…S1-63, B8).

It is a projection: it can be joined into, looked over and made anew from the pointers, and nothing
but finding data sets depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dataplatform.releases.findings import Finding
from dataplatform.releases.health import read_recorded_health
from dataplatform.releases.metadata import build_entry
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.update import update_object
from opendata.reading.resolve import Release, read_current
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry, merge_entries, read_catalogue
from opendata.wire.errors import Corrupt, NotFound, OpenDataError, Unavailable
from opendata.wire.ids import DatasetId, is_dataset_id, parse_dataset_id
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.times import format_instant

Entries = tuple[CatalogueEntry, ...]


def published_ids(ports: ReleasePorts) -> list[DatasetId]:
    """Every data set that has a pointer."""
    names = (keys.dataset_of_pointer_key(stat.key) for stat in ports.store.list(keys.DATASETS))
    return [parse_dataset_id(name) for name in names if name is not None and is_dataset_id(name)]


def entry_of(ports: ReleasePorts, release: Release) -> CatalogueEntry:
    """What the index has to say of a current release."""
    assert release.pointer is not None  # a current release has one
    health = read_recorded_health(ports.store, release.id)
    return build_entry(release.id, release.manifest, release.pointer, health)


def join_index(ports: ReleasePorts, entries: Iterable[CatalogueEntry]) -> None:
    """Merge entries into the index; per data set the highest generation stays."""
    ours = tuple(entries)
    _update(ports, lambda present: merge_entries(ours, present))


def replace_entry(ports: ReleasePorts, entry: CatalogueEntry) -> None:
    """Put an entry in the place of whatever the index says of its data set."""

    def replaced(present: Entries) -> Entries:
        return merge_entries([entry], (other for other in present if other.id != entry.id))

    _update(ports, replaced)


def rebuild_index(ports: ReleasePorts) -> tuple[Catalogue, list[Finding]]:
    """Make the index anew from the pointers.

    A data set that cannot be read keeps the entry it has; one without a pointer loses it.
    """
    entries, problems = _entries_of_pointers(ports)
    ours = {entry.id: entry for entry in entries}

    def stays(entry: CatalogueEntry) -> bool:
        # Published since the pointers were listed, perhaps: whoever did that has joined already.
        known = ours.get(entry.id)
        return entry.generation > known.generation if known else _has_pointer(ports, entry.id)

    def rebuilt(present: Entries) -> Entries:
        return merge_entries(entries, (entry for entry in present if stays(entry)))

    _update(ports, rebuilt)
    return _stored(ports), problems


def index_problem(ports: ReleasePorts, release: Release) -> str | None:
    """What is wrong with the index's entry of a current release."""
    try:
        entries = _stored(ports).datasets
    except (NotFound, Corrupt) as error:
        return error.message
    found = [entry for entry in entries if entry.id == str(release.id)]
    if found == [entry_of(ports, release)]:
        return None
    return "shows another state of this data set" if found else "does not show this data set"


def _update(ports: ReleasePorts, change: Callable[[Entries], Entries]) -> None:
    def changed(data: bytes | None) -> bytes:
        present = _read(data)
        if present is None:
            # Joining into nothing would lose the entries of all other data sets; so would a
            # pointer that could not be read just now.
            data, present = None, tuple(_entries_of_pointers(ports, every=True)[0])
        datasets = change(present)
        if data is not None and datasets == present:
            return data
        now = format_instant(ports.now())
        return Catalogue(generated_at=now, datasets=datasets).to_bytes()

    update_object(ports.store, keys.INDEX, changed)


def _stored(ports: ReleasePorts) -> Catalogue:
    data = ports.store.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
    return read_catalogue(data, keys.INDEX)


def _read(data: bytes | None) -> Entries | None:
    """The entries of an index; None where it is lost or damaged."""
    try:
        return read_catalogue(data, keys.INDEX).datasets if data is not None else None
    except Corrupt:
        return None


def _entries_of_pointers(
    ports: ReleasePorts, *, every: bool = False
) -> tuple[list[CatalogueEntry], list[Finding]]:
    """What the pointers say, and which of them cannot be read.

    Raises:
        Unavailable: with `every`, if one cannot be read now but perhaps later.
    """
    entries, problems = [], []
    for dataset in published_ids(ports):
        try:
            release = read_current(ports.store, dataset)
            if release is not None:
                entries.append(entry_of(ports, release))
        except OpenDataError as error:
            if every and isinstance(error, Unavailable):
                raise
            key = keys.pointer_key(dataset)
            problems.append(Finding(str(dataset), key, error.message, repairable=False))
    return entries, problems


def _has_pointer(ports: ReleasePorts, name: str) -> bool:
    return (
        is_dataset_id(name)
        and ports.store.stat(keys.pointer_key(parse_dataset_id(name))) is not None
    )
