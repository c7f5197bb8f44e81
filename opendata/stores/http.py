"""Reading a public store over HTTPS: a bucket's public address, or any web server's folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore import exceptions as foreign
from obstore.store import HTTPStore as HttpClient

from opendata.stores.addresses import WebAddress
from opendata.stores.obstore_errors import Place
from opendata.stores.obstore_reader import Clients, ObstoreReader
from opendata.stores.ranges import Span

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60
WHOLE_BODY_SECONDS = 3600  # an object may be large; what must not be long is the silence
RETRIES = 3
RETRY_SECONDS = 60
NOWHERE = "http://127.0.0.1:9"


class HttpStore(ObstoreReader):
    """Objects under a web address, read only."""

    def __init__(self, address: WebAddress) -> None:
        client = HttpClient(
            address.url, client_options=client_options(address), retry_config=retry_config()
        )
        clients = Clients(usual=client, exact=client, bulk=lambda _: client)
        super().__init__(clients, Place(address.url, address.server))

    def _fetch(self, key: str, spans: Sequence[Span]) -> Sequence[memoryview] | None:
        try:
            return super()._fetch(key, spans)
        except foreign.NotSupportedError:
            # A simple web server without ranges: take the whole object and cut it.
            whole = memoryview(bytes(self._clients.usual.get(key).bytes()))
            return [whole[span.start : span.end] for span in spans]


def client_options(address: WebAddress) -> ClientConfig:
    """How long to wait for what, and no proxy in front of this very machine."""
    options: ClientConfig = {
        "allow_http": not address.is_encrypted,
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=SILENCE_SECONDS),
        "timeout": timedelta(seconds=WHOLE_BODY_SECONDS),
    }
    if address.is_loopback:
        # The library knows no "no proxy"; a proxy that is excluded for the host amounts to it.
        options["proxy_url"] = NOWHERE
        options["proxy_excludes"] = address.host
    return options


def retry_config(retries: int = RETRIES) -> RetryConfig:
    """A few tries within a minute, for what the library knows to be safe to repeat."""
    return {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
