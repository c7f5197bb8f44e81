"""Usages: who is known to have read a release, asked before and after it is withdrawn (S4-55).

Derived data sets name the releases that they read in their traces; what they publish now is looked
through. What else keeps such a record (bundles, runs of training) answers through the port
`ReleasePorts.usages`. Nobody who only loads data is known here: reading leaves no trace in a store.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from dataplatform.releases.ports import ReleasePorts, Usage
from opendata.reading.resolve import read_release
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import CatalogueEntry, read_catalogue
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.version import Version, parse_version

MANIFESTS_AT_ONCE = 8


@dataclass(frozen=True)
class Usages:
    """Who used some releases; `unread` are places that could not be looked into."""

    found: tuple[Usage, ...] = ()
    unread: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The usages by name."""
        return {"used_by": [asdict(one) for one in self.found], "unread": list(self.unread)}


def find_usages(ports: ReleasePorts, dataset: DatasetId, versions: Collection[Version]) -> Usages:
    """Who read one of these releases: one request per published data set, several at a time.

    Asked in an emergency, it raises nothing: what cannot be read is named in `unread`.
    """
    if not versions:
        return Usages()
    wanted = frozenset(versions)
    entries, unread = _catalogue(ports.store)
    found: list[Usage] = []
    others = [entry for entry in entries if entry.id != str(dataset)]
    answers = in_parallel(partial(_inputs_of, ports.store), others, MANIFESTS_AT_ONCE)
    for entry, inputs in zip(others, answers, strict=True):
        if inputs is None:
            unread.append(entry.id)
            continue
        used = {one["release"] for one in inputs if one.get("id") == str(dataset)}
        found += [
            Usage("data set", f"{entry.id}@{entry.release}", str(version))
            for version in sorted(wanted)
            if str(version) in used
        ]
    for ask in ports.usages:
        try:
            found += ask(dataset, wanted)
        except OpenDataError as error:  # what was asked for has happened; this only tells of it
            unread.append(error.message)
    return Usages(tuple(found), tuple(unread))


def _catalogue(reader: ObjectReader) -> tuple[tuple[CatalogueEntry, ...], list[str]]:
    try:
        data = reader.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
        return read_catalogue(data, keys.INDEX).datasets, []
    except NotFound:
        return (), []
    except OpenDataError:
        return (), [keys.INDEX]


def _inputs_of(reader: ObjectReader, entry: CatalogueEntry) -> list[dict[str, Any]] | None:
    """The releases that a data set's current release was made of; None if nobody can tell."""
    try:
        dataset, version = parse_dataset_id(entry.id), parse_version(entry.release)
        trace = read_release(reader, dataset, version).manifest.trace
    except OpenDataError:
        return None
    return list(trace.get("inputs", []))
