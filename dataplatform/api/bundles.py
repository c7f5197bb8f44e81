"""Bundles: which there are, and what each of them locks."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, Final

import msgspec
import yaml

from dataplatform.api.asking import (
    OfBundle,
    caching,
    etag_of,
    is_unchanged,
    open_bundle,
    unchanged,
)
from dataplatform.api.endpoint import JSON, Call, Endpoint, Reply, Response, json_reply
from dataplatform.api.library import Library
from dataplatform.bundles.document import render_document
from opendata.reading.file_index.bundles import read_bundle_catalogue
from opendata.wire.bundle import BundleCatalogue, BundleLock
from opendata.wire.codec import replace

_DOCUMENTS_MAX: Final = 64


class ShownBundle(msgspec.Struct, frozen=True):
    """A bundle: its signed lock, the lock's digest, and the document that it is for people."""

    bundle: BundleLock
    document: dict[str, Any]
    lock_sha256: str


def list_bundles(library: Library, call: Call) -> Reply:
    """The bundles that the call's token opens."""
    catalogue = read_bundle_catalogue(library.reader)
    open_ones = tuple(one for one in catalogue.bundles if call.grant.may_read(one.name))
    told = replace(catalogue, bundles=open_ones).to_json()
    return json_reply(told, **{"cache-control": "no-store"})


def show_bundle(library: Library, base_url: str, call: Call) -> Reply:
    """One bundle."""
    opened = open_bundle(library, call)
    etag = etag_of(opened, call, base_url)
    headers = caching(opened, etag)
    if is_unchanged(call, etag):
        return unchanged(headers)
    shown = {
        "bundle": opened.lock.to_json(),
        "document": _document(opened.lock, base_url),
        "lock_sha256": opened.found.lock_sha256,
    }
    body = msgspec.json.encode(shown)
    return Reply(body, headers=headers | {"content-type": JSON}, binding=opened.binding)


def _document(lock: BundleLock, base_url: str) -> dict[str, Any]:
    return _parsed(render_document(lock, base_url))


@lru_cache(maxsize=_DOCUMENTS_MAX)
def _parsed(text: bytes) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def bundle_endpoints(library: Library, base_url: str) -> list[Endpoint]:
    """The endpoints of bundles."""
    return [
        Endpoint(
            "GET",
            "/api/v1/bundles",
            "list_bundles",
            "List the published bundles",
            partial(list_bundles, library),
            {200: Response("All bundles that the token opens.", BundleCatalogue)},
            failures=(404, 422),
        ),
        Endpoint(
            "GET",
            "/api/v1/bundles/{bundle_name}",
            "show_bundle",
            "Show what a bundle locks",
            partial(show_bundle, library, base_url),
            {
                200: Response("The lock, as it is signed, and its document.", ShownBundle),
                304: Response("What `If-None-Match` names is still it.", types=()),
            },
            OfBundle,
            failures=(404, 422),
        ),
    ]
