"""From a bundle's name to its lock, and what was meant where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.reading.file_index.lake import (
    locked,
    pictures,
    put_bundle,
    put_channel,
)
from opendata.reading.file_index.bundles import find_bundle, read_bundle_catalogue
from opendata.reading.file_index.channels import (
    read_channel_pointer,
    read_channel_pointer_with_token,
)
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.errors import Corrupt, InvalidInput, NotFound
from opendata.wire.version import Version

pytestmark = pytest.mark.requirement("S0-62", "S0-84")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(str(tmp_path / "store"))
    index = put_channel(store, "image_original", pictures(40))
    for version in ("v1.0.0-2025.9", "v1.0.0-2025.25", "v1.0.0-2025.26"):
        put_bundle(store, [locked(index)], version=version)
    put_bundle(store, [locked(index)], name="small", type="snapshot", version="v2.0.0")
    return store


def test_a_version_is_found_with_and_without_its_v(store: FolderStore) -> None:
    first = find_bundle(store, "foundational_model", "v1.0.0-2025.25")
    assert first.lock.version == "v1.0.0-2025.25"
    assert find_bundle(store, "foundational_model", "1.0.0-2025.25") == first
    assert first.lock.channel("image_original") is not None


def test_without_a_version_it_is_the_newest_by_number_not_by_text(store: FolderStore) -> None:
    assert find_bundle(store, "foundational_model").lock.version == "v1.0.0-2025.26"


def test_an_earlier_revision_can_still_be_read(store: FolderStore) -> None:
    index = put_channel(store, "image_original", pictures(50))
    put_bundle(store, [locked(index)], version="v1.0.0-2025.26", revision=2)
    current = find_bundle(store, "foundational_model")
    earlier = find_bundle(store, "foundational_model", "v1.0.0-2025.26", revision=1)
    assert (current.lock.total_files, earlier.lock.total_files) == (50, 40)
    assert current.lock_sha256 != earlier.lock_sha256
    with pytest.raises(NotFound, match="the current one is 2"):
        find_bundle(store, "foundational_model", revision=3)


@pytest.mark.parametrize(
    ("name", "version", "code", "hint"),
    [
        ("fundational_model", None, "unknown_bundle", "'foundational_model'"),
        ("foundational_model", "v1.0.0-2025.27", "unknown_version", "'v1.0.0-2025.2"),
        ("nothing-like-it", "v1.0.0", "unknown_bundle", "od bundle list"),
        ("Foundational_Model", "v1.0.0", "unknown_bundle", "'foundational_model'"),
        ("../../etc", "v1.0.0", "unknown_bundle", "od bundle list"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest_one(
    store: FolderStore, name: str, version: str | None, code: str, hint: str
) -> None:
    with pytest.raises(NotFound) as caught:
        find_bundle(store, name, version)
    assert caught.value.code == code
    assert hint in (caught.value.hint or "")


def test_two_types_of_one_name_and_version_have_to_be_told_apart(store: FolderStore) -> None:
    index = put_channel(store, "image_original", pictures(3))
    put_bundle(store, [locked(index)], name="small", type="release", version="v2.0.0")
    with pytest.raises(InvalidInput) as caught:
        find_bundle(store, "small", "v2.0.0")
    assert caught.value.code == "ambiguous_bundle"
    assert find_bundle(store, "small", "v2.0.0", type="release").lock.total_files == 3
    assert find_bundle(store, "small", type="snapshot").lock.total_files == 40
    with pytest.raises(InvalidInput, match="no type of a bundle"):
        find_bundle(store, "small", type="wekly")


def test_a_lost_catalogue_does_not_hide_a_bundle(store: FolderStore) -> None:
    store.delete(keys.BUNDLE_CATALOGUE)
    assert not read_bundle_catalogue(store).bundles
    assert find_bundle(store, "foundational_model").lock.version == "v1.0.0-2025.26"


def test_an_altered_lock_is_refused(store: FolderStore) -> None:
    ref = parse_bundle_ref("weekly/foundational_model-v1.0.0-2025.26")
    key = keys.bundle_revision_key(ref, 1)
    store.put(key, store.get(key).data.replace(b"DataSpecHub", b"DataSpecHob"))
    with pytest.raises(Corrupt, match="revisions/000001"):
        find_bundle(store, "foundational_model")


def test_a_pointer_whose_lock_is_gone_is_damage_and_not_an_unknown_bundle(
    store: FolderStore,
) -> None:
    ref = parse_bundle_ref("weekly/foundational_model-v1.0.0-2025.26")
    store.delete(keys.bundle_revision_key(ref, 1))
    with pytest.raises(Corrupt) as caught:
        find_bundle(store, "foundational_model", "v1.0.0-2025.26")
    assert caught.value.code == "missing_lock"


def test_an_empty_store_has_an_empty_catalogue() -> None:
    store = MemoryStore()
    assert read_bundle_catalogue(store).bundles == ()
    with pytest.raises(NotFound, match="there is no bundle any"):
        find_bundle(store, "any")


def test_a_channels_pointer_is_read_with_what_a_swap_needs(store: FolderStore) -> None:
    found = read_channel_pointer_with_token(store, "image_original", Version(1, 2, 0))
    assert found is not None
    index, token = found
    assert index.total_files == 40
    store.put_if_match(
        keys.channel_pointer_key("image_original", Version(1, 2, 0)), index.to_bytes(), token
    )
    assert read_channel_pointer(store, "image_original", Version(9, 0, 0)) is None


def test_the_pointer_of_another_channel_is_refused(store: FolderStore) -> None:
    data = store.get(keys.channel_pointer_key("image_original", Version(1, 2, 0))).data
    store.put(keys.channel_pointer_key("image_other", Version(1, 2, 0)), data)
    with pytest.raises(Corrupt) as caught:
        read_channel_pointer(store, "image_other", Version(1, 2, 0))
    assert caught.value.code == "wrong_index"
