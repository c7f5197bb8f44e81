"""The service as an ASGI application: every part of it, put together from what it is given.

Nothing here reads the environment or opens a file; `service.py` does, for a real server.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TextIO

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from dataplatform.api.access import LOOPBACK_NAMES, Access
from dataplatform.api.access_log import AccessLog
from dataplatform.api.at_once import AtOnce
from dataplatform.api.bundles import bundle_endpoints
from dataplatform.api.channels import channel_endpoints
from dataplatform.api.download import Downloads, OpenFiles, download_endpoints
from dataplatform.api.endpoint import JSON, Call, Endpoint, Reply, Response
from dataplatform.api.exchange import STREAMS, Workers
from dataplatform.api.files import file_endpoints
from dataplatform.api.front import Front
from dataplatform.api.health import health_endpoints
from dataplatform.api.hooks import Accept, BundleHook, hook_endpoints
from dataplatform.api.kept_pages import KEPT_BYTES, KeptPages
from dataplatform.api.library import Library
from dataplatform.api.openapi import describe_api
from dataplatform.api.routes import routes_of, unrouted
from dataplatform.api.token_file import Tokens
from dataplatform.bundles.ports import BundlePorts
from opendata.reading.cache import Cache
from opendata.wire.errors import NotFound

OPENAPI_PATH: Final = "/openapi.json"
THREADS: Final = max(4, 2 * (os.cpu_count() or 1))
WAITING: Final = 256


class Served(Protocol):
    """What a service serves; a `Platform` is one."""

    @property
    def bundles(self) -> BundlePorts:
        """What bundles act through."""
        ...


@dataclass(frozen=True)
class ServiceOptions:
    """What a service is told beside what it serves.

    Without `tokens` it answers to the names in `hosts` alone. Without `hook_secret` it takes no
    webhooks. `log` is where the access log goes, None for nowhere. `threads` queries run at once
    and `waiting` more wait; `streams` are sent at once; `kept_bytes` is the room of kept pages.
    """

    version: str = "0"
    tokens: Tokens | None = None
    hosts: frozenset[str] = LOOPBACK_NAMES
    hook_secret: bytes | None = None
    accept: Accept | None = None
    cache: Cache | None = None
    log: TextIO | None = None
    threads: int = THREADS
    waiting: int = WAITING
    streams: int = STREAMS
    kept_bytes: int = KEPT_BYTES


def create_app(platform: Served, options: ServiceOptions | None = None) -> Starlette:
    """The service over a platform's bundles."""
    options = options or ServiceOptions()
    ports = platform.bundles
    library = Library(ports.store, options.cache, trust=ports.trust)
    endpoints = _endpoints(ports, library, options)
    workers = Workers(options.threads, options.waiting, options.streams)
    log = AccessLog(options.log, ports.now)
    secured = options.tokens is not None
    access = Access(options.tokens, ports.now, None if secured else options.hosts)
    front = Middleware(
        Front,
        access=access,
        log=log,
        pages=KeptPages(options.kept_bytes),
        library=library,
        at_once=AtOnce(endpoints),
        public=frozenset(one.path for one in endpoints if one.public),
    )
    app = Starlette(
        routes=routes_of(endpoints, workers),
        middleware=[front],
        exception_handlers={HTTPException: unrouted(endpoints)},
        lifespan=_lifespan(workers, log),
    )
    app.router.redirect_slashes = False
    return app


def _endpoints(ports: BundlePorts, library: Library, options: ServiceOptions) -> list[Endpoint]:
    hook = BundleHook(options.hook_secret, options.accept or _no_runs, ports.now)
    open_files: OpenFiles = ports.channels.open_files
    endpoints = [
        *bundle_endpoints(library, ports.base_url),
        *file_endpoints(library),
        *download_endpoints(Downloads(library, open_files, ports.now)),
        *channel_endpoints(library),
        *hook_endpoints(hook),
        *health_endpoints(library, options.version),
    ]
    return [*endpoints, _openapi(endpoints, ports.base_url, options)]


def _openapi(endpoints: Sequence[Endpoint], server: str, options: ServiceOptions) -> Endpoint:
    """Where the service describes itself; it is described there as well."""
    held: list[bytes] = []

    def show(call: Call) -> Reply:
        del call
        return Reply(held[0], headers={"content-type": JSON, "cache-control": "no-cache"})

    shown = Endpoint(
        "GET",
        OPENAPI_PATH,
        "describe",
        "Describe this service (OpenAPI 3.1)",
        show,
        {200: Response("The document.", dict[str, Any])},
        public=True,
        tag="health",
    )
    described = describe_api(
        [*endpoints, shown],
        version=options.version,
        server=server,
        secured=options.tokens is not None,
    )
    held.append(msgspec.json.encode(described))
    return shown


def _no_runs(payload: object) -> Any:
    raise NotFound(
        "this service knows no control room to ask for runs", code="no_control_room", hint=None
    )


def _lifespan(workers: Workers, log: AccessLog) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        log.flush()
        workers.close()

    return lifespan
