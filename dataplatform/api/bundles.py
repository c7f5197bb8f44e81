"""Bundles: which there are, and what each of them locks."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Annotated, Any, Final

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
from opendata.reading.signature import Countersignature
from opendata.wire import keys
from opendata.wire.bundle import BundleCatalogue, BundleLock
from opendata.wire.codec import replace
from opendata.wire.errors import NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES

_DOCUMENTS_MAX: Final = 64


class ShownBundle(msgspec.Struct, frozen=True):
    """A bundle: its signed lock, the lock's digest, and the document that it is for people."""

    bundle: BundleLock
    document: dict[str, Any]
    lock_sha256: str


class OfSignature(OfBundle, frozen=True, kw_only=True):
    """Which key's signature, and of which bundle."""

    key_id: Annotated[
        str,
        msgspec.Meta(
            min_length=64,
            max_length=64,
            pattern="^[0-9a-f]{64}$",
            description="The key's id, as trust files have it.",
        ),
    ]


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


def show_signature(library: Library, call: Call) -> Reply:
    """What a further key signed of a bundle's lock; whoever reads it checks it."""
    opened = open_bundle(library, call)
    asked: OfSignature = call.parameters
    lock = opened.lock
    key = keys.bundle_countersignature_key(lock.ref, lock.revision, asked.key_id)
    try:
        stored = library.reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound as error:
        raise NotFound(
            f"the key {asked.key_id[:12]}… has not countersigned {lock.ref}, revision "
            f"{lock.revision}",
            code="no_signature",
            hint=f"od key countersign {lock.ref}",
        ) from error
    return Reply(stored, headers={"content-type": JSON, "cache-control": "no-store"})


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
        Endpoint(
            "GET",
            "/api/v1/bundles/{bundle_name}/signatures/{key_id}",
            "show_signature",
            "Show what a further key signed of a bundle's lock",
            partial(show_signature, library),
            {200: Response("The countersignature, as it is stored.", Countersignature)},
            OfSignature,
            failures=(404, 422),
            description="For who trusts other keys than the one that froze the lock, or asks for "
            "several. A signature may come later than its lock, so it is never kept.",
        ),
    ]
