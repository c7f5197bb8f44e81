"""Extent: from when on data sets hold data, as far as the catalogue tells. One read for all."""

from __future__ import annotations

from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import read_catalogue
from opendata.wire.errors import NotFound


def earliest_times(reader: ObjectReader) -> dict[str, str]:
    """The first time of every published data set that has a time column, by id.

    Raises:
        Corrupt: if the catalogue is damaged; repairing makes it anew.
        Unavailable, Denied: if the store does not answer.
    """
    try:
        catalogue = read_catalogue(reader.get(keys.INDEX).data, keys.INDEX)
    except NotFound:
        return {}
    return {entry.id: entry.min_date for entry in catalogue.datasets if entry.min_date}
