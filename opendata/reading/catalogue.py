"""Finding data sets: search over `index.json`, and what a wrong id probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from opendata.reading.suggest import did_you_mean
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry, read_catalogue
from opendata.wire.errors import InvalidInput, NotFound, OpenDataError
from opendata.wire.ids import DatasetId


def load_catalogue(reader: ObjectReader) -> Catalogue:
    """The store's catalogue.

    Raises:
        NotFound: where nothing was published yet.
    """
    try:
        return read_catalogue(reader.get(keys.INDEX).data, keys.INDEX)
    except NotFound as error:
        raise NotFound(
            f"{reader.url} has no catalogue: nothing was published there yet",
            code="no_catalogue",
            hint="od run NS/NAME --publish, or od registry rebuild",
        ) from error


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


def dataset_hint(reader: ObjectReader, dataset: DatasetId) -> str | None:
    """What a data set id that does not exist probably meant, if the catalogue can tell."""
    try:
        catalogue = load_catalogue(reader)
    except OpenDataError:
        return None  # the first error is the one to show; this was only help
    return did_you_mean(str(dataset), _spellings(catalogue.datasets))


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
    if len(day) < 10 or day[4] != "-":
        raise InvalidInput(f"{day!r} is no date; write 2020-01-01", code="invalid_time")
    if entry.min_date is None or entry.max_date is None:
        return False
    return entry.min_date[: len(day)] <= day <= entry.max_date[: len(day)]
