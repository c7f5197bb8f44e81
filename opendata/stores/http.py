"""Reading a public store over HTTPS: a bucket's public address, or any web server's folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore import exceptions as foreign
from obstore.store import HTTPStore as HttpClient

from opendata.stores.addresses import WebAddress
from opendata.stores.obstore_errors import Place
from opendata.stores.obstore_reader import STREAMED_BYTES, Clients, ObstoreReader
from opendata.stores.ranges import Span

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 20.0
WHOLE_BODY_SECONDS = 3600  # an object may be large; what must not be long is the silence
NOWHERE = "http://127.0.0.1:9"
ONCE: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(0)}
"""The library sends a request once; whether it is sent again is decided in one place for all
stores, which also sees what the library would hide: that the first one may have had its effect."""

EACH_PART: RetryConfig = {
    "max_retries": 11,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
"""The exception: parts of an upload, which are invisible until they are joined."""


class HttpStore(ObstoreReader):
    """Objects under a web address, read only; a body that falls silent for so long is given up."""

    def __init__(self, address: WebAddress, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        client = HttpClient(
            address.url,
            client_options=client_options(address, silence_seconds),
            retry_config=ONCE,
        )
        clients = Clients(usual=client, bulk=lambda _: client, parts=client)
        super().__init__(clients, Place(address.url, address.server))

    def _fetch(self, key: str, spans: Sequence[Span]) -> Sequence[memoryview] | None:
        try:
            return super()._fetch(key, spans)
        except foreign.NotSupportedError:
            # A simple web server without ranges: all of it comes, and only the spans are kept.
            self._serves_ranges = False
            return self._cut_from_stream(key, spans)

    def _cut_from_stream(self, key: str, spans: Sequence[Span]) -> Sequence[memoryview]:
        kept = [bytearray() for _ in spans]
        at, last = 0, max(span.end for span in spans)
        for piece in self._clients.usual.get(key).stream(min_chunk_size=STREAMED_BYTES):
            view = memoryview(piece)
            for span, part in zip(spans, kept, strict=True):
                part += view[max(span.start - at, 0) : max(span.end - at, 0)]
            at += len(view)
            if at >= last:
                break
        return [memoryview(part) for part in kept]


def client_options(address: WebAddress | None, silence_seconds: float) -> ClientConfig:
    """How long to wait for what, and no proxy in front of this very machine.

    Without an address it is a service of the internet that the library knows by itself.
    """
    options: ClientConfig = {
        "allow_http": address is not None and not address.is_encrypted,
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=silence_seconds),
        "timeout": timedelta(seconds=WHOLE_BODY_SECONDS),
    }
    if address is not None and address.is_loopback:
        # The library knows no "no proxy"; a proxy that is excluded for the host amounts to it.
        options["proxy_url"] = NOWHERE
        options["proxy_excludes"] = address.host
    return options
