"""Recipe: how a release was made, read from its manifest and trace, to make it again (P67-3).

Here belongs what has to be given to a producer so that it stands where it stood then: its own
files, the bytes it fetched, the interval, its predecessor and its inputs. Pure but for reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dataplatform.releases.run import Standing
from opendata.reading.provenance import require_sound_trace
from opendata.reading.resolve import Release, read_release
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.errors import Rejected
from opendata.wire.ids import parse_dataset_id
from opendata.wire.manifest import Manifest
from opendata.wire.times import parse_instant
from opendata.wire.version import parse_version


class Way(StrEnum):
    """How a release is made again: by its producer, by its patch, or, where rows were handed
    over, by hashing the rows that it has."""

    REBUILT = "rebuilt"
    PATCHED = "patched again"
    REHASHED = "rehashed"


@dataclass(frozen=True)
class Recording:
    """One source as the trace tells it, and whether the release keeps its bytes."""

    url: str
    sha256: str
    size_bytes: int
    kept: bool


@dataclass(frozen=True)
class Recipe:
    """What a producer's run was given. Digests are bare."""

    main_sha256: str
    definition_sha256: str
    commit: str | None
    sources: tuple[Recording, ...]
    start_at: datetime | None
    end_at: datetime | None
    tools: Mapping[str, str]
    files_kept: bool

    @property
    def sources_kept(self) -> bool:
        """Whether no source has to be asked again."""
        return all(source.kept for source in self.sources)


def way_of(manifest: Manifest) -> Way:
    """Whether a producer made the release, or a patch, or its rows were handed over.

    Raises:
        Corrupt: if the trace is not what its digest says.
    """
    require_sound_trace(manifest.trace, f"{manifest.id}@{manifest.release}")
    if manifest.trace.get("patch"):
        return Way.PATCHED
    made = manifest.trace["method"]["code"].get("main_sha256")
    return Way.REBUILT if made else Way.REHASHED


def read_recipe(manifest: Manifest) -> Recipe:
    """The recipe of a release that a producer made.

    Raises:
        Rejected: if it was put together from several runs, which no single run repeats.
    """
    what = f"{manifest.id}@{manifest.release}"
    method: dict[str, Any] = manifest.trace["method"]
    asked, code = method.get("asked", {}), method["code"]
    if asked.get("in_parts"):
        raise Rejected(
            f"{what} was put together from the runs of several partitions, and the trace does not "
            "tell which source belongs to which",
            code="not_reproducible",
            hint=f"od verify {what} checks its rows; a run for everything can be reproduced",
        )
    kept = set(manifest.kept)
    files = (str(code["main_sha256"]), str(code["definition_sha256"]))
    return Recipe(
        main_sha256=files[0],
        definition_sha256=files[1],
        commit=code.get("commit"),
        sources=tuple(_recording(each, kept) for each in manifest.trace["source"]),
        start_at=_instant(asked.get("start")),
        end_at=_instant(asked.get("end")),
        tools=method["tools"],
        files_kept={keys.object_key(digest) for digest in files} <= kept,
    )


def read_standing(reader: ObjectReader, manifest: Manifest) -> Standing:
    """The releases that the run stood on, as they were then.

    Raises:
        NotFound: naming the release that is gone.
        Corrupt: if one is not the release that the trace names.
    """
    dataset, previous = parse_dataset_id(manifest.id), manifest.versioning.prev_release
    current = read_release(reader, dataset, parse_version(previous)) if previous else None
    inputs = tuple(_input(reader, pinned) for pinned in manifest.trace["inputs"])
    return Standing(current, inputs)


def _input(reader: ObjectReader, pinned: Mapping[str, Any]) -> Release:
    return read_release(
        reader,
        parse_dataset_id(pinned["id"]),
        parse_version(pinned["release"]),
        expected_sha256=pinned["manifest_sha256"],
    )


def _recording(source: Mapping[str, Any], kept: set[str]) -> Recording:
    digest = source["sha256"]
    is_kept = keys.object_key(digest) in kept
    return Recording(source["url"], digest, source["size_bytes"], is_kept)


def _instant(text: str | None) -> datetime | None:
    return parse_instant(text) if text else None
