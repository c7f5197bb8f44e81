"""The catalogue of bundles: joined by the highest revision, made again when it is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform.bundles.catalogue import (
    entry_of,
    join_catalogue,
    published_bundles,
    rebuild_catalogue,
)
from dataplatform.bundles.derive import derive_bundle
from dataplatform_tests.bundles.bench import PATH, Bench, bundle_text
from dataplatform_tests.fakes.stores import FaultyStore
from opendata.reading.file_index.bundles import read_bundle, read_bundle_catalogue
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.codec import replace
from opendata.wire.errors import NotFound

pytestmark = pytest.mark.requirement("S0-16", "S0-82")
WEEKS = (23, 24, 25)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.pictures("images", 4)
    for week in WEEKS:
        path = PATH.replace("2025.25", f"2025.{week}")
        bench.ask(bundle_text(version=f"v1.0.0-2025.{week}"), path=path)
        bench.index(path)
    return bench


def test_every_published_bundle_is_listed_in_order(bench: Bench) -> None:
    versions = [one.version for one in read_bundle_catalogue(bench.store).bundles]
    assert versions == [f"v1.0.0-2025.{week}" for week in WEEKS]
    assert [str(ref.version) for ref in published_bundles(bench.ports)] == versions


@pytest.mark.parametrize("damage", [None, b"", b"{", b'{"bundles": 1}'])
def test_a_lost_or_damaged_catalogue_loses_no_bundle_when_one_joins(
    bench: Bench, damage: bytes | None
) -> None:
    before = read_bundle_catalogue(bench.store).bundles
    if damage is None:
        bench.store.delete(keys.BUNDLE_CATALOGUE)
    else:
        bench.store.put(keys.BUNDLE_CATALOGUE, damage)
    join_catalogue(bench.ports, before[:1])
    assert read_bundle_catalogue(bench.store).bundles == before


def test_an_older_revision_never_replaces_a_newer_one(bench: Bench) -> None:
    before = read_bundle_catalogue(bench.store)
    newer = replace(before.bundles[0], revision=3)
    join_catalogue(bench.ports, [newer])
    join_catalogue(bench.ports, before.bundles)
    assert read_bundle_catalogue(bench.store).bundles[0] == newer


def test_joining_what_is_there_writes_nothing(bench: Bench) -> None:
    watched = FaultyStore(bench.store)
    entries = read_bundle_catalogue(bench.store).bundles
    join_catalogue(bench.with_store(watched).ports, entries)
    assert watched.count("put*") == 0


def test_of_many_that_join_at_once_none_is_lost(bench: Bench) -> None:
    [entry, *_] = read_bundle_catalogue(bench.store).bundles
    others = [replace(entry, name=f"other{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: join_catalogue(bench.ports, [one]), others))
    assert len(read_bundle_catalogue(bench.store).bundles) == len(WEEKS) + len(others)


def test_rebuilding_drops_what_has_no_pointer_and_finds_what_was_left_out(bench: Bench) -> None:
    entries = read_bundle_catalogue(bench.store).bundles
    bench.store.delete(keys.BUNDLE_CATALOGUE)
    ghost = replace(entries[0], name="ghost")
    join_catalogue(bench.ports, [ghost])
    bench.store.delete(keys.bundle_pointer_key(parse_bundle_ref(PATH)))
    assert rebuild_catalogue(bench.ports).bundles == entries[:2]


def test_deriving_makes_a_lost_document_again(bench: Bench) -> None:
    ref = parse_bundle_ref(PATH)
    document = bench.store.get(keys.bundle_document_key(ref)).data
    bench.store.delete(keys.bundle_document_key(ref))
    bench.store.delete(keys.BUNDLE_CATALOGUE)
    lock = derive_bundle(bench.ports, ref)
    assert bench.store.get(keys.bundle_document_key(ref)).data == document
    found = read_bundle(bench.store, ref)
    assert found.lock == lock
    assert entry_of(lock, found.lock_sha256) in read_bundle_catalogue(bench.store).bundles
    with pytest.raises(NotFound):
        derive_bundle(bench.ports, parse_bundle_ref("weekly/nothing-v1.0.0"))
