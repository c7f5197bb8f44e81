"""From an address to a store, and from an environment to an address.

Technologies are imported when the first store of theirs is opened, so that `import opendata`
stays quick. Stores behind a network are opened with patience around them; a folder and memory
answer at once and for good.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from opendata.stores.addresses import parse_web_address
from opendata.stores.folder import FolderStore
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire.errors import InvalidInput

STORAGE_VARIABLE = "OPENDATA_STORAGE"
NEAREST = os.path.join(".opendata", "store")
WAYS = "a folder, s3://bucket/prefix, or https://… (to read a public store)"


@dataclass(frozen=True)
class StoreLocation:
    """Where the store is and which rule found it."""

    url: str
    rule: str
    """For people: the variable's name, or that it is the nearest `.opendata/store`."""


def find_store(environ: Mapping[str, str], cwd: str) -> StoreLocation | None:
    """The store that `OPENDATA_STORAGE` names, else the nearest `.opendata/store` upwards."""
    named = environ.get(STORAGE_VARIABLE, "").strip()
    if named:
        return StoreLocation(_absolute(named, environ, cwd), STORAGE_VARIABLE)
    folder = os.path.abspath(cwd)
    while True:
        candidate = os.path.join(folder, NEAREST)
        if os.path.isdir(candidate):
            return StoreLocation(candidate, f"the nearest {NEAREST} at or above {cwd}")
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)


def open_reader(url: str, *, environ: Mapping[str, str]) -> ObjectReader:
    """Open a store for reading; every address will do.

    Raises:
        InvalidInput: for an address that is none.
        Denied: for S3 without any credentials.
    """
    if _scheme(url) in ("http", "https"):
        return _open_web(url)
    return open_store(url, environ=environ)


def open_store(url: str, *, environ: Mapping[str, str]) -> ObjectStore:
    """Open a store for reading and writing; nothing is created or asked for yet.

    Raises:
        InvalidInput: for an address that is none, or that can only be read.
        Denied: for S3 without any credentials.
    """
    scheme = _scheme(url)
    if scheme == "s3":
        from opendata.stores.patient_store import PatientStore
        from opendata.stores.s3 import open_s3

        return PatientStore(open_s3(url, environ))
    if scheme == "memory":
        from opendata.stores.memory import named_memory

        return named_memory(url.removeprefix("memory://"))
    if scheme in ("http", "https"):
        raise InvalidInput(
            f"{url} can only be read",
            code="read_only_store",
            hint=f"to write, set {STORAGE_VARIABLE} to a folder or s3://bucket/prefix",
        )
    return FolderStore(_folder(url, scheme))


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def _folder(url: str, scheme: str) -> str:
    if scheme == "file":
        path = url[len("file://") :].removeprefix("localhost")
        if path.startswith("/") and "\0" not in path:
            return path
    elif url and not scheme and "\0" not in url:
        return url
    raise InvalidInput(
        f"{url!r} is no store's address",
        code="invalid_store",
        hint=f"set {STORAGE_VARIABLE} to {WAYS}",
    )


def _open_web(url: str) -> ObjectReader:
    from opendata.stores.http import HttpStore
    from opendata.stores.patient_reader import PatientReader

    address = parse_web_address(url)
    if not (address.is_encrypted or address.is_loopback):
        raise InvalidInput(
            f"{url} is not encrypted, so anyone between could change it",
            code="invalid_store",
            hint=f"use https://{address.host}…",
        )
    return PatientReader(HttpStore(address))


def _absolute(url: str, environ: Mapping[str, str], cwd: str) -> str:
    """A relative folder belongs to the working folder of the moment that names it."""
    if _scheme(url):
        return url
    if url == "~" or url.startswith("~/"):
        url = environ.get("HOME", "~") + url[1:]
    return os.path.normpath(os.path.join(cwd, url))
