"""A store in this process's memory: for tests and trials, gone when the process ends.

It is a real store behind the port, with the same conditional writes as S3, and not durable.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from obstore.store import MemoryStore as MemoryClient

from opendata.stores.disk import explained
from opendata.stores.obstore_errors import Place
from opendata.stores.obstore_reader import Clients
from opendata.stores.obstore_store import ObstoreStore
from opendata.stores.port import LocalFile, Payload


class MemoryStore(ObstoreStore):
    """A new, empty store; `memory://name` addresses are shared through :func:`named_memory`."""

    def __init__(self, name: str = "unnamed") -> None:
        client = MemoryClient()
        url = f"memory://{name}"
        super().__init__(Clients(usual=client, bulk=lambda _: client), Place(url, url))

    @contextlib.contextmanager
    def _body(self, data: Payload) -> Iterator[bytes]:
        """The bytes themselves: this store keeps what it is given, so a mapped file will not do."""
        if isinstance(data, LocalFile):
            with explained(data.path), open(data.path, "rb") as file:
                yield file.read()
        else:
            yield data


_named: dict[str, MemoryStore] = {}
_naming = threading.Lock()


def named_memory(name: str) -> MemoryStore:
    """The one store of that name in this process."""
    with _naming:
        if name not in _named:
            _named[name] = MemoryStore(name)
        return _named[name]
