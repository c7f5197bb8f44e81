"""Where things lie decides what a collection reads, so nothing may lie elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version

ARGUMENTS: dict[str, Any] = {
    "dataset": parse_dataset_id("ns/name"),
    "version": parse_version("1.0.0"),
    "generation": 1,
    "digest": "a" * 64,
    "candidate": "a" * 64,
    "commit_id": "c",
    "mark": "hard",
    "gate": "contract",
    "collection": "c",
    "ref": parse_bundle_ref("weekly/model-v1.0.0-2025.25"),
    "revision": 1,
}
BUILDERS = {
    name: build
    for name, build in vars(keys).items()
    if inspect.isfunction(build) and name.endswith(("_key", "_prefix"))
    and not name.startswith(("dataset_of", "digest_of", "bundle_of"))
}  # fmt: skip


@pytest.mark.requirement("B2", "S4-8")
@pytest.mark.parametrize("name", BUILDERS)
def test_every_key_lies_where_a_collection_looks(name: str) -> None:
    build: Callable[..., str] = BUILDERS[name]
    wanted = inspect.signature(build).parameters
    key = build(**{one: ARGUMENTS.get(one, "x") for one in wanted})
    read = key.startswith((*keys.NAMING, keys.INDEX))
    names_none = (keys.OBJECTS, keys.COLLECTION, keys.EVENTS, keys.WATCH)
    assert read or key.startswith(names_none), (
        f"{key} may name objects that a collection would remove: add its place to keys.NAMING"
    )


def test_all_objects_lie_below_one_of_the_prefixes() -> None:
    prefixes = keys.object_prefixes()
    assert len(set(prefixes)) == 256
    for first in range(256):
        key = keys.object_key(f"{first:02x}" + "0" * 62)
        assert sum(key.startswith(prefix) for prefix in prefixes) == 1


def test_keys_tell_whose_they_are() -> None:
    dataset, version = ARGUMENTS["dataset"], ARGUMENTS["version"]
    release, pointer = keys.release_key(dataset, version), keys.pointer_key(dataset)
    assert keys.dataset_of_release_key(release) == keys.dataset_of_pointer_key(pointer) == "ns/name"
    assert keys.dataset_of_release_key(pointer) is None
    assert keys.dataset_of_release_key(keys.manifest_copy_key(dataset)) is None
