"""A flipped bit in any object: verifying and reading refuse, and name it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform_tests.faults.killing import SECTIONS
from dataplatform_tests.golden.examples import golden_signer
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.reading.resolve import read_route, resolve
from opendata.reading.signature import verify_release
from opendata.reading.verify import Verification, verify_dataset
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.ids import Reference
from opendata.wire.manifest import named_objects
from opendata.wire.pointer import next_pointer
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-8", "S4-72", "S1-11", "B1")
V1 = parse_version("1.0.0")


@dataclass
class Store:
    """A store with two releases, whose bytes a test damages and puts right again."""

    bench: Bench

    @property
    def keys(self) -> list[str]:
        staging = keys.STAGING
        return [s.key for s in self.bench.store.list("") if not s.key.startswith(staging)]

    def verify(self, version: str | None = None) -> Verification:
        pinned = parse_version(version) if version else None
        return verify_dataset(self.bench.store, Reference(self.bench.dataset, pinned), None)

    def read(self) -> None:
        self.bench.read(resolve(self.bench.store, Reference(self.bench.dataset)))

    def refusals(self) -> set[str]:
        """The objects that verifying names, and whether reading refused."""
        try:
            return {damage.object for damage in self.verify().damaged}
        except Corrupt as error:
            return {str(error.details["object"])}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return published(MemoryStore(), tmp_path)


def published(
    store: MemoryStore | FolderStore, folder: Path, signer: Ed25519Signer | None = None
) -> Store:
    bench = make_bench(store, folder, signer=signer, **SECTIONS)
    bench.release(rates(*range(40)))
    bench.release(rates(*range(41)))
    assert Store(bench).verify().passed
    return Store(bench)


def flips(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The data with one bit turned, at random places and at both ends."""
    dice = random.Random(seed)
    places = {0, len(data) * 8 - 1, *(dice.randrange(len(data) * 8) for _ in range(count))}
    for place in sorted(places):
        at, bit = divmod(place, 8)
        yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


# Joined or made anew, and looked over by `od repair`.
REPAIRED = {
    "index.json",
    "datasets/tests/rates/CHANGELOG.md",
    "datasets/tests/rates/compatibility.json",
    "datasets/tests/rates/health.json",
    "datasets/tests/rates/metadata.json",
}


def test_verify_names_the_object_whichever_bit_is_flipped(store: Store) -> None:
    of_releases = current_and_history(store)
    assert len(of_releases) > 15
    for number, key in enumerate(of_releases):
        sound = store.bench.store.get(key).data
        for damaged in flips(sound, count=6, seed=number):
            store.bench.store.put(key, damaged)
            assert key in store.refusals(), key
        store.bench.store.put(key, sound)
    assert store.verify().passed


def current_and_history(store: Store) -> list[str]:
    """What the current release, its history and its copies stand on."""
    current = store.bench.current.manifest
    named = {entry.path for entry in current.files} | {entry.chunks for entry in current.files}
    named |= set(named_objects(current))
    datasets = {key for key in store.keys if key.startswith(keys.DATASETS)} - REPAIRED
    return sorted(named | datasets)


@pytest.mark.parametrize("kind", ["pointer", "manifest", "shards", "chunk lists"])
def test_reading_refuses_and_names_the_object_whichever_bit_is_flipped(
    store: Store, kind: str
) -> None:
    release = store.bench.current
    damaged_keys = {
        "pointer": [keys.pointer_key(release.id)],
        "manifest": [keys.release_key(release.id, release.version)],
        "shards": [entry.path for entry in release.manifest.files],
        "chunk lists": [entry.chunks for entry in release.manifest.files],
    }[kind]
    for key in damaged_keys:
        sound = store.bench.store.get(key).data
        for damaged in flips(sound, count=40, seed=len(sound)):
            store.bench.store.put(key, damaged)
            with pytest.raises(Corrupt) as refused:
                store.read()
            assert refused.value.details["object"] == key
            assert key in refused.value.message
        store.bench.store.put(key, sound)
    store.read()


@pytest.mark.parametrize("damage", ["lost", "cut short", "longer", "empty"])
def test_what_is_lost_or_has_another_length_is_named(store: Store, damage: str) -> None:
    for key in current_and_history(store):
        sound = store.bench.store.get(key).data
        changed = {"cut short": sound[:-1], "longer": sound + b"\0", "empty": b""}
        if damage == "lost":
            store.bench.store.delete(key)
        else:
            store.bench.store.put(key, changed[damage])
        assert key in refusals_or_absence(store, key), key
        store.bench.store.put(key, sound)
    assert store.verify().passed


def refusals_or_absence(store: Store, key: str) -> set[str]:
    try:
        return store.refusals()
    except NotFound:  # without a pointer there is no such data set
        return {keys.pointer_key(store.bench.dataset)}


def test_two_objects_that_changed_places_are_both_named(store: Store) -> None:
    one, other = (entry.path for entry in store.bench.current.manifest.files)
    first, second = (store.bench.store.get(key).data for key in (one, other))
    store.bench.store.put(one, second)
    store.bench.store.put(other, first)
    assert {one, other} <= store.refusals()
    with pytest.raises(Corrupt):
        store.read()


def test_the_manifest_of_another_release_under_this_number_is_refused(store: Store) -> None:
    old = store.bench.store.get(keys.release_key(store.bench.dataset, V1)).data
    current = keys.release_key(store.bench.dataset, store.bench.current.version)
    store.bench.store.put(current, old)
    with pytest.raises(Corrupt) as refused:
        store.read()
    assert refused.value.details["object"] == current


def test_an_older_pointer_put_back_by_hand_is_a_whole_older_state(store: Store) -> None:
    """Who may write may roll back; what is read is then the old release, and not a mixture."""
    commits = sorted(key for key in store.keys if "/commits/" in key)
    store.bench.store.put(
        keys.pointer_key(store.bench.dataset), store.bench.store.get(commits[0]).data
    )
    assert store.bench.read().num_rows == 40
    assert store.verify().passed


def test_a_pinned_release_must_be_the_one_that_was_published(store: Store) -> None:
    """A manifest that was forged as a whole is sound in itself; its history tells."""
    key = keys.release_key(store.bench.dataset, V1)
    sound = store.bench.store.get(key).data
    forged = sound.replace(b'"frozen_at":"2026-01-31T06', b'"frozen_at":"2026-01-30T06')
    assert forged != sound
    store.bench.store.put(key, forged)
    assert [damage.object for damage in store.verify("1.0.0").damaged] == [key]
    assert key in store.refusals()


@pytest.mark.requirement("S4-48", "S4-73")
def test_with_a_trust_root_nothing_about_a_release_can_be_forged(tmp_path: Path) -> None:
    store = published(MemoryStore(), tmp_path, golden_signer())
    key = keys.release_key(store.bench.dataset, V1)
    sound = store.bench.store.get(key).data
    reference = Reference(store.bench.dataset, V1)
    for damaged in flips(sound, count=300, seed=1):
        store.bench.store.put(key, damaged)
        with pytest.raises(OpenDataError):
            verify_release(resolve(store.bench.store, reference).manifest, golden_signer().trust())


@pytest.mark.parametrize("pinned", [None, "1.0.0"])
def test_a_flipped_manifest_is_refused_by_its_pointer_and_a_pinned_one_by_its_body(
    store: Store, pinned: str | None
) -> None:
    version = parse_version(pinned) if pinned else store.bench.current.version
    key = keys.release_key(store.bench.dataset, version)
    reference = Reference(store.bench.dataset, version if pinned else None)
    sound = store.bench.store.get(key).data
    assert resolve(store.bench.store, reference, check_body=False).version == version
    altered = sound.replace(b'"title":"', b'"title":"Not ', 1)
    assert altered != sound
    store.bench.store.put(key, altered)
    with pytest.raises(Corrupt) as refused:
        resolve(store.bench.store, reference, check_body=False)
    assert refused.value.code == ("manifest_altered" if pinned else "digest_mismatch")


@pytest.mark.requirement("S4-48", "S4-73")
def test_with_a_trust_root_a_pointer_does_not_vouch_for_a_body_that_was_not_signed(
    tmp_path: Path,
) -> None:
    signer = golden_signer()
    folder = FolderStore(str(tmp_path / "store"))
    store = published(folder, tmp_path, signer)
    route = read_route(folder, store.bench.dataset)
    assert route is not None
    version = parse_version(route.pointer.release)
    key = keys.release_key(store.bench.dataset, version)
    altered = folder.get(key).data.replace(b'"title":"', b'"title":"Not ', 1)
    folder.put(key, altered)
    forged = next_pointer(
        route.pointer,
        nonce="0" * 16,
        release=str(version),
        manifest_sha256=digest_of(altered),
        kind="hotfix",
        updated_at=route.pointer.updated_at,
    )
    folder.put(keys.pointer_key(store.bench.dataset), forged.to_bytes())
    trust = tmp_path / "trust.json"
    trust.write_text(signer.trust_file())
    environ = {"OPENDATA_STORAGE": str(tmp_path / "store"), "OPENDATA_TRUST": str(trust)}
    trusted = Settings({**environ, "OPENDATA_CACHE": "off"}, tmp_path)
    with pytest.raises(Corrupt) as refused:
        Dataset("tests/rates", trusted).load(format="arrow")
    assert refused.value.code == "manifest_altered"
    assert key in store.refusals()  # and `od verify` says so without one


def test_a_file_that_was_verified_before_is_hashed_again_once_it_is_touched(
    tmp_path: Path,
) -> None:
    store = published(FolderStore(str(tmp_path / "store")), tmp_path)
    environ = {"OPENDATA_STORAGE": str(tmp_path / "store"), "OPENDATA_CACHE": str(tmp_path / "c")}
    settings = Settings(environ, tmp_path)
    for _ in range(2):
        assert Dataset("tests/rates", settings).load(format="arrow").num_rows == 41
    entry = store.bench.current.manifest.files[0]
    path = tmp_path / "store" / entry.path
    with path.open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 4]))
    with pytest.raises(Corrupt, match=entry.path):
        Dataset("tests/rates", settings).load(format="arrow")
