"""A lake of a few hundred small files in two channels, and the bundle that locks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataplatform_tests.reading.file_index.lake import (
    Row,
    locked,
    pictures,
    put_bundle,
    put_channel,
)
from opendata.stores import FolderStore
from opendata.wire.bundle import BundleLock
from opendata.wire.digest import digest_of, prefixed

NAME = "foundational_model"
VERSION = "v1.0.0-2025.25"
IMAGES, OBJECTS = "image_original", "object_array_fusion_infer"


@dataclass(frozen=True)
class Lake:
    """Where it is, and what is in it."""

    store: FolderStore
    data: Path
    images: Sequence[Row]
    objects: Sequence[Row]
    lock: BundleLock

    def bytes_of(self, row: Row) -> bytes:
        return content_of(row.file_id)


def content_of(file_id: str) -> bytes:
    """The bytes of a file: its id, again and again."""
    return (file_id + "\n").encode() * (1 + int(file_id[-3:]) % 7)


def fill(folder: Path, images: int = 250, objects: int = 60) -> Lake:
    """Write files, index them, lock them."""
    store = FolderStore(str(folder / "store"))
    channels = []
    kept: list[list[Row]] = []
    for name, rows in ((IMAGES, pictures(images, undated=5)), (OBJECTS, pictures(objects))):
        place = folder / name
        real = [_written(place, row) for row in rows]
        index = put_channel(store, name, real, storage_path=f"{place}/", group_rows=64)
        channels.append(locked(index))
        kept.append(real)
    lock = put_bundle(store, channels, name=NAME, version=VERSION)
    return Lake(store, folder, kept[0], kept[1], lock)


def _written(place: Path, row: Row) -> Row:
    data = content_of(row.file_id)
    target = place / row.relative_path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return replace(row, size_bytes=len(data), checksum=prefixed(digest_of(data)))
