"""Whether the service lives, and whether it can answer: two questions of whoever runs it."""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec

from dataplatform.api.endpoint import Call, Endpoint, Reply, Response, json_reply
from dataplatform.api.library import Library
from opendata.reading.file_index.bundles import read_bundle_catalogue


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]
    version: str


class Ready(msgspec.Struct, frozen=True):
    """The store answers as well."""

    status: Literal["ready"]


def is_alive(version: str, call: Call) -> Reply:
    """Looks at nothing beside itself."""
    del call
    return json_reply(Alive("ok", version), **{"cache-control": "no-store"})


def is_ready(library: Library, call: Call) -> Reply:
    """Reads the catalogue.

    Raises:
        NotFound, Corrupt, Denied, Unavailable: why bundles cannot be served.
    """
    del call
    read_bundle_catalogue(library.reader)
    return json_reply(Ready("ready"), **{"cache-control": "no-store"})


def health_endpoints(library: Library, version: str) -> list[Endpoint]:
    """The endpoints of health."""
    return [
        Endpoint(
            "GET",
            "/healthz",
            "is_alive",
            "Whether the process answers",
            partial(is_alive, version),
            {200: Response("It does.", Alive)},
            public=True,
            tag="health",
        ),
        Endpoint(
            "GET",
            "/readyz",
            "is_ready",
            "Whether the store can be read",
            partial(is_ready, library),
            {200: Response("It can.", Ready)},
            failures=(404, 422, 503),
            public=True,
            tag="health",
        ),
    ]
