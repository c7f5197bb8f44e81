"""What an endpoint is: one declaration, from which routing, decoding and OpenAPI follow.

Here belong the declaration and its values: what a handler is given and what it gives back. Which
endpoints there are stands in the modules that declare them, how bytes get in and out in `exchange`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from dataplatform.api.tokens import EVERYTHING, Grant

JSON: Final = "application/json"
ARROW: Final = "application/vnd.apache.arrow.stream"
NDJSON: Final = "application/x-ndjson"

Bytes = bytes | memoryview
Headers = Mapping[str, str]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what stands in an address. Fields that the path names come from the path, the others
    from the query; a field that is a tuple may be given several times."""


class NoParameters(Parameters, frozen=True, kw_only=True):
    """Of an endpoint that takes none."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is posted as JSON."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, decoded: what a handler is given. Names of headers are lower-case."""

    parameters: Any
    headers: Mapping[bytes, bytes]
    raw_body: bytes = b""
    body: Any = None
    grant: Grant = EVERYTHING

    def header(self, name: str) -> str:
        """A header's text, empty where it was not sent."""
        return self.headers.get(name.encode(), b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Selector:
    """Which bundle was asked for: by name, perhaps with a version, a revision and a type."""

    name: str
    version: str | None = None
    revision: int | None = None
    type: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether it can never mean another lock."""
        return self.version is not None and self.revision is not None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a reply may be kept under: as long as the selector means this lock, it is the answer."""

    selector: Selector
    lock_sha256: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. One with a `binding` has an ETag and may be kept."""

    body: Bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=dict)
    binding: Binding | None = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer in pieces. Each piece is made in a worker thread when the one before was sent."""

    pieces: Iterator[Bytes]
    headers: Headers = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """What OpenAPI says of one answer; `types` are media types, `model` is JSON's."""

    description: str
    model: Any = None
    types: tuple[str, ...] = (JSON,)
    headers: Headers = field(default_factory=dict)


Handler = Callable[[Call], Reply | Streamed]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `path` is written as OpenAPI does; a name in `wide` may stand for text with a slash in it.
    `body` is decoded; `raw_bodies` say only what a body looks like that the handler itself reads.
    `handle` runs in a worker thread and may block. `at_once` runs before it on the event loop: it
    waits for nothing, and is None, or answers None, where that takes a thread. `failures` are the
    statuses beyond 400, 401 and 403 that it answers with an error. A `public` endpoint needs no
    token.
    """

    method: str
    path: str
    name: str
    summary: str
    handle: Handler
    responses: Mapping[int, Response]
    parameters: type[Parameters] = NoParameters
    body: type[Body] | None = None
    body_bytes_max: int = 0
    raw_bodies: tuple[type[Body], ...] = ()
    failures: tuple[int, ...] = ()
    at_once: Callable[[Call], Reply | None] | None = None
    wide: frozenset[str] = frozenset()
    public: bool = False
    tag: str = "bundles"
    description: str = ""


def json_reply(value: Any, **headers: str) -> Reply:
    """A value as JSON."""
    return Reply(msgspec.json.encode(value), headers={"content-type": JSON, **headers})
