"""Finding data sets: search over `index.json`, and what a wrong id or address probably meant."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from datetime import date

from opendata.reading.suggest import did_you_mean
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry, read_catalogue
from opendata.wire.errors import InvalidInput, NotFound, OpenDataError
from opendata.wire.ids import DatasetId
from opendata.wire.limits import CATALOGUE_MAX_BYTES


def load_catalogue(reader: ObjectReader) -> Catalogue:
    """The store's catalogue.

    Raises:
        NotFound: saying whether there is no store, another one below, a catalogue that was lost,
            or nothing published yet.
    """
    try:
        data = reader.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
        return read_catalogue(data, keys.INDEX)
    except NotFound as error:
        if error.code == "no_store":
            raise
        raise _without_catalogue(reader) from error


def _without_catalogue(reader: ObjectReader) -> NotFound:
    below = _store_below(reader.url)
    if below is not None:
        return NotFound(
            f"{reader.url} is no store, but there is one below it",
            code="store_below",
            hint=f"export OPENDATA_STORAGE={below}",
        )
    if _has_data_sets(reader):
        return NotFound(
            f"the catalogue {keys.INDEX} of {reader.url} is gone; its data sets are there",
            code="lost_catalogue",
            hint="od registry rebuild makes it anew",
        )
    return NotFound(
        f"{reader.url} has no catalogue: nothing was published there yet",
        code="no_catalogue",
        hint="od run NS/NAME --publish, or od push FILE NS/NAME",
    )


def _store_below(url: str) -> str | None:
    """The store that lies in a folder which is none itself."""
    if not os.path.isabs(url) or os.path.isdir(os.path.join(url, "datasets")):
        return None
    below = (os.path.join(url, *parts) for parts in (("store",), (".opendata", "store")))
    return next((path for path in below if os.path.isdir(os.path.join(path, "datasets"))), None)


def _has_data_sets(reader: ObjectReader) -> bool:
    if not isinstance(reader, ObjectStore):
        return False  # what can only be read by name cannot be listed
    listed = reader.list(keys.DATASETS)
    return any(keys.dataset_of_pointer_key(stat.key) is not None for stat in listed)


def search_catalogue(
    catalogue: Catalogue,
    text: str = "",
    *,
    topic: str | None = None,
    namespace: str | None = None,
    covers: str | None = None,
) -> list[CatalogueEntry]:
    """The entries in which every word occurs, best first.

    Words match id, title, description and topics without regard to case; `tag:rates` is an alias
    of `topic` (part B row B10); `covers` is a date that lies within the coverage.

    Raises:
        InvalidInput: if `covers` is no date.
    """
    words = [word.casefold() for word in text.split()]
    tags = {word.removeprefix("tag:") for word in words if word.startswith("tag:")}
    if topic is not None:
        tags.add(topic.casefold())
    plain = [word for word in words if not word.startswith("tag:")]
    found = [
        (score, entry)
        for entry in catalogue.datasets
        if (score := _score(entry, plain)) is not None
        and tags <= {name.casefold() for name in entry.topics}
        and (namespace is None or entry.namespace == namespace)
        and (covers is None or _covers(entry, covers))
    ]
    return [entry for _, entry in sorted(found, key=lambda pair: (-pair[0], pair[1].id))]


def explain_unknown(reader: ObjectReader, dataset: DatasetId, error: NotFound) -> NotFound:
    """The error about a data set that is not there, with what was probably meant."""
    if error.code != "unknown_dataset":
        return error
    hint = error.hint or "od search lists what is published here"
    try:
        catalogue = load_catalogue(reader)
    except NotFound as why:
        if why.code in ("no_store", "store_below"):
            return why
        hint = why.hint or hint
    except OpenDataError:
        pass  # the first error is the one to show; this was only help
    else:
        hint = did_you_mean(str(dataset), _spellings(catalogue.datasets)) or hint
    return NotFound(error.message, code=error.code, hint=hint)


def id_hint(reader: ObjectReader, typed: str) -> str | None:
    """The published id that a text which is none was probably meant to be, such as a bare name."""
    try:
        known = _spellings(load_catalogue(reader).datasets)
    except OpenDataError:
        return None  # as above
    bare = typed.partition("@")[0].strip().casefold()
    same = [one for one in known if one.partition("/")[2] == bare]
    if same:
        return f"did you mean {' or '.join(map(repr, same[:3]))}?"
    by_name = {one.partition("/")[2]: one for one in known}
    near = difflib.get_close_matches(bare, by_name, n=1, cutoff=0.7)
    return f"did you mean {by_name[near[0]]!r}?" if near else did_you_mean(bare, known)


def near_words(catalogue: Catalogue, text: str) -> str | None:
    """The words of published titles, ids and topics that are nearest to what was searched for."""
    texts = (
        text
        for entry in catalogue.datasets
        for text in (entry.id, entry.title, " ".join(entry.topics))
    )
    known = {word for one in texts for word in re.findall(r"\w{3,}", one.casefold())}
    for word in re.findall(r"\w+", text.casefold()):
        if not any(word in other for other in known) and (meant := did_you_mean(word, known)):
            return meant
    return None


def _spellings(entries: Iterable[CatalogueEntry]) -> list[str]:
    return [entry.id for entry in entries]


def _score(entry: CatalogueEntry, words: list[str]) -> int | None:
    """How well the words fit, a hit in the id counting most; None if one is nowhere."""
    weighted = (
        (4, entry.id.casefold()),
        (3, entry.title.casefold()),
        (2, " ".join(entry.topics).casefold()),
        (1, entry.description.casefold()),
    )
    total = 0
    for word in words:
        best = max((weight for weight, text in weighted if word in text), default=0)
        if not best:
            return None
        total += best
    return total


def _covers(entry: CatalogueEntry, day: str) -> bool:
    try:
        day = date.fromisoformat(day).isoformat()
    except ValueError as error:
        message = f"{day!r} is no date; write 2020-01-01"
        raise InvalidInput(message, code="invalid_time") from error
    if entry.min_date is None or entry.max_date is None:
        return False
    return entry.min_date[: len(day)] <= day <= entry.max_date[: len(day)]
