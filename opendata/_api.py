"""The functions of `import opendata as od`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from opendata._dataset import Dataset
from opendata._search_results import SearchResults
from opendata._settings import Settings
from opendata.reading.catalogue import load_catalogue, search_catalogue
from opendata.reading.verify import Verification, verify_dataset
from opendata.wire.ids import parse_reference

if TYPE_CHECKING:
    from opendata.reading.corrections import Correction
    from opendata.reading.frames import Format
    from opendata.reading.query import Moment


def load(
    reference: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    columns: Sequence[str] | None = None,
    filters: Iterable[Any] | None = None,
    partition: str | None = None,
    reader: str | None = None,
    format: Format = "pandas",
) -> Any:
    """A published data set as a frame; every byte is checked against its digest (S1-11, S1-12).

    Args:
        reference: `ns/name` for the latest release, `ns/name@1.2.0` for a pinned one.
        start, end: An interval of the time column, both ends inclusive; a bare date as end means
            the whole day; a time without a zone is UTC.
        columns: Which columns, in this order; aliases work too.
        filters: `[(column, operator, value), …]`, all of which must hold; a list of such lists
            means any of them. Operators: == != < <= > >= in, not in; and `(column, "is null")`,
            `(column, "is not null")`.
        partition: One logical shard: `2024-03` where shards are cut by month, `undated` for rows
            without a time.
        reader: The schema version that your code was written for: `"1.3"` is the newest 1.3.x. The
            frame then has that schema's columns, types and units, and all other arguments are in
            its words; adapters do what has to be done (S4-56…S4-63). Columns that were added since
            are there when they are asked for by name.
        format: "pandas", "arrow" or "polars".

    Raises:
        NotFound: if store, data set, release or column do not exist (with did-you-mean).
        InvalidInput: for a bad id, interval, filter or format.
        Rejected: if a reader of that schema version cannot read the release, with the reasons.
        Corrupt: naming the object whose bytes are not what was published.
        Denied: if a trust root is configured and the signature does not hold.
        Unavailable: if the store is out of reach and the cache does not have it.
    """
    return Dataset(reference).load(
        start=start,
        end=end,
        columns=columns,
        filters=filters,
        partition=partition,
        reader=reader,
        format=format,
    )


def register_correction(name: str, function: Correction) -> None:
    """Register what computes `corr_env` of that name, for reads through an older schema (S4-20).

    Args:
        name: As the data set's contract has it.
        function: `(values, given, wanted)` → values: a float64 array of NumPy, the reference
            conditions that its values refer to, and those that the answer should refer to.

    Raises:
        InvalidInput: if that is no name, or nothing that can be called.
    """
    from opendata.reading.corrections import register_correction as register

    register(name, function)


def dataset(reference: str) -> Dataset:
    """A handle for several reads of one release; nothing is fetched yet."""
    return Dataset(reference)


def search(
    text: str = "",
    *,
    topic: str | None = None,
    namespace: str | None = None,
    covers: str | None = None,
) -> SearchResults:
    """Published data sets whose id, title, description or topics contain every word, best first.

    The result is a list of dictionaries that shows itself as a table.

    Raises:
        NotFound: if there is no store or nothing was published.
    """
    catalogue = load_catalogue(Settings.from_environment().reader())
    found = search_catalogue(catalogue, text, topic=topic, namespace=namespace, covers=covers)
    return SearchResults(entry.to_json() for entry in found)


def verify(reference: str) -> Verification:
    """Hash every object of a release again and check its signature where a trust root is set.

    Raises:
        NotFound: if it does not exist.
        Corrupt: if pointer or manifest cannot even be read.
    """
    settings = Settings.from_environment()
    return verify_dataset(settings.reader(), parse_reference(reference), settings.trust())


def push(data: Any, reference: str, **metadata: Any) -> Any:
    """Publish a frame, table or file as a data set (needs the platform's part).

    Args:
        data: A pandas or polars frame, an Arrow table, or the path of a CSV, Parquet or JSON file.
        reference: `ns/name`.
        metadata: Fields and sections of `opendata.yaml`.

    Returns:
        The release: its `version`, `manifest` and whether anything was new.

    Raises:
        Rejected: if contract or quality say no; the published release stays as it is.
    """
    from opendata._platform import platform_part

    return platform_part("push")(data, reference, **metadata)
