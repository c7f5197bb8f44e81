"""From an address to what the client reads: the API where there is one, else a store."""

from __future__ import annotations

from opendata._index_client.ports import FileSource
from opendata._settings import Settings


def open_source(
    settings: Settings, base_url: str | None, token: str | None, *, timeout: float, retries: int
) -> FileSource:
    """The API at an `http(s)` address, the store at any other; what the environment names without.

    Raises:
        InvalidInput: for an address that is none, or that would send a token in the clear.
        NotFound: if nothing is named and no store is found.
    """
    named = base_url or settings.registry
    if named is not None and named.lower().startswith(("http://", "https://")):
        from opendata._index_client.http_source import HttpSource
        from opendata._index_client.web import Web

        return HttpSource(Web(named, token or settings.api_key, timeout=timeout, retries=retries))
    from opendata._index_client.store_source import StoreSource

    return StoreSource(settings, named)
