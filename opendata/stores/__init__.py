"""Where releases live: the object-store port, its implementations, and how to open one.

Importing this package is cheap; S3, HTTP and memory load their library when first opened.
"""

from opendata.stores.folder import FolderStore
from opendata.stores.opening import StoreLocation, find_store, open_reader, open_store
from opendata.stores.port import (
    AlreadyExists,
    Blob,
    LocalFile,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Payload,
    PreconditionFailed,
)

__all__ = [
    "AlreadyExists",
    "Blob",
    "FolderStore",
    "LocalFile",
    "ObjectReader",
    "ObjectStat",
    "ObjectStore",
    "Payload",
    "PreconditionFailed",
    "StoreLocation",
    "find_store",
    "open_reader",
    "open_store",
]
