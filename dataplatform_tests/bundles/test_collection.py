"""Bundles keep what they pin: no collection removes an index or a release that a revision locks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.bundles.publish import publish_revision
from dataplatform.bundles.revisions import Revision
from dataplatform.bundles.usages import BundleUsages
from dataplatform.releases.rollback import roll_back
from dataplatform.releases.usages import find_usages
from dataplatform.releases.yank import yank
from dataplatform_tests.bundles.bench import PATH, Bench, bundle_text
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import DAY_AND_MORE, Yard, make_yard
from opendata.reading.file_index.bundles import find_bundle
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, parse_bundle_ref, read_lock
from opendata.wire.collection import CollectionJournal, UnnamedObject
from opendata.wire.errors import Corrupt, NotFound, Rejected, Unavailable
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("B2", "S0-85")
REF = parse_bundle_ref(PATH)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A data set with two releases, in a store in which time passes."""
    yard = make_yard(MemoryStore(), tmp_path / "yard")
    yard.bench.release(rates(1, 2))
    return yard


@pytest.fixture
def bench(yard: Yard, tmp_path: Path) -> Bench:
    """A bundle of a channel of files and of that data set, in the same store."""
    bench = Bench(tmp_path / "bench", store=yard.ageing)
    bench.clock.now_at = datetime.now(UTC)
    bench.pictures("images", 6)
    asked = "  - {channel: images, version: '*'}\n  - {dataset: tests/rates, version: '*'}\n"
    bench.ask(bundle_text(asked))
    bench.index()
    return bench


def locks(yard: Yard) -> Iterator[BundleLock]:
    for stat in yard.ageing.inner.list(keys.bundle_revision_prefix(REF)):
        yield read_lock(yard.ageing.inner.get(stat.key).data, stat.key)


def test_a_release_is_locked_by_its_number_and_pinned_by_digests(bench: Bench, yard: Yard) -> None:
    lock = find_bundle(bench.store, "model").lock
    rates_channel = lock.channel("tests/rates")
    assert rates_channel is not None
    assert (rates_channel.version, rates_channel.release) == ("1.0.0", "tests/rates@1.0.0")
    assert rates_channel.index_file == "channels/tests/rates/v1.0.0/index.parquet"
    assert rates_channel.total_bytes == sum(
        entry.size_bytes for entry in yard.bench.current.manifest.files
    )


def test_an_index_that_any_revision_pins_outlives_every_collection(
    bench: Bench, yard: Yard
) -> None:
    states = []
    for number in range(6, 9):
        pointer = read_channel_pointer(bench.store, "images", parse_version("1.2.0"))
        assert pointer is not None
        states.append(pointer.state)
        bench.pictures("images", 1, first=number)
        bench.index()
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    collected = yard.collect_twice()
    # What earlier indexings compared with is needed by nobody; the indexes they made are pinned.
    removed = {keys.object_key(one.digest) for one in collected.removed}
    assert set(states) <= removed
    assert len(list(locks(yard))) == 4
    for lock in locks(yard):
        for one in lock.channels:
            assert len(bench.store.get(one.index).data) == one.index_bytes
    yard.check_whole()


def test_a_store_of_bundles_alone_can_be_collected(tmp_path: Path, yard: Yard) -> None:
    """There are no data sets in it, and yet somebody says what is needed."""
    alone = make_yard(MemoryStore(), tmp_path / "alone")
    bench = Bench(tmp_path / "files", store=alone.ageing)
    bench.clock.now_at = datetime.now(UTC)
    bench.pictures("images", 3)
    alone.store.put(keys.object_key("0" * 64), b"nobody's")
    alone.ageing.let_pass(hours=DAY_AND_MORE)
    with pytest.raises(Rejected, match="no release or bundle was found"):
        alone.mark()
    bench.ask()
    bench.index()
    assert [one.digest for one in alone.collect_twice().removed] == ["0" * 64]


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_revision_ends_a_collection(bench: Bench, yard: Yard, damage: str) -> None:
    key = keys.bundle_revision_key(REF, 1)
    data = bench.store.get(key).data
    if damage == "gone":
        bench.store.delete(key)
    else:
        lock = find_bundle(bench.store, "model").lock
        digest = lock.channels[0].checksum.removeprefix("sha256:").encode()
        bench.store.put(key, data.replace(digest, b"0" * 64))
    with pytest.raises((Corrupt, Rejected), match="000001"):
        yard.mark()


def test_nothing_is_published_while_a_collection_removes_what_it_pins(
    bench: Bench, yard: Yard
) -> None:
    lock = find_bundle(bench.store, "model").lock
    digest = lock.channels[0].checksum.removeprefix("sha256:")
    now = "2026-01-01T00:00:00Z"
    condemned = UnnamedObject(digest=digest, size_bytes=1, modified_at=now)
    journal = CollectionJournal(id="c", at=now, mark="m", objects=(condemned,))
    bench.store.put(keys.collection_journal_key("c"), journal.to_bytes())
    with pytest.raises(Unavailable) as refused:
        publish_revision(
            bench.ports, Revision.of(lock), asked_at=None, is_newer=lambda one, other: False
        )
    assert refused.value.code == "being_collected"


def test_a_lock_whose_index_is_gone_is_not_published(bench: Bench) -> None:
    lock = find_bundle(bench.store, "model").lock
    bench.store.delete(lock.channels[0].index)
    with pytest.raises(Corrupt, match="cannot be published") as refused:
        publish_revision(
            bench.ports, Revision.of(lock), asked_at=None, is_newer=lambda one, other: False
        )
    assert refused.value.code == "missing_object"


# --- who used a release ----------------------------------------------------------------


@pytest.mark.requirement("S4-55")
def test_bundles_that_lock_a_release_are_told_of_when_it_is_withdrawn(
    bench: Bench, yard: Yard
) -> None:
    yard.bench.release(rates(3, 4))
    asked = "  - {dataset: tests/rates, version: '*'}\n"
    bench.commit({PATH: bundle_text(asked) + "# anew\n"})
    assert bench.index().lock.channels[0].version == "1.0.1"
    ports = replace(yard.bench.ports, usages=(BundleUsages(yard.store),))
    versions = [parse_version("1.0.0"), parse_version("1.0.1")]
    found = find_usages(ports, yard.bench.dataset, versions)
    assert [(one.kind, one.name, one.release) for one in found.found] == [
        ("bundle", "weekly/model-v1.0.0-2025.25", "1.0.1")
    ]
    moved = roll_back(ports, yard.bench.dataset, versions[0], by="tests")
    assert [one.name for one in moved.usages.found] == ["weekly/model-v1.0.0-2025.25"]


@pytest.mark.requirement("S4-55")
def test_a_catalogue_that_cannot_be_read_is_told_and_ends_nothing(bench: Bench, yard: Yard) -> None:
    silent = FaultyStore(yard.store, [Fault("get", keys.BUNDLE_CATALOGUE)])
    ports = replace(yard.bench.ports, usages=(BundleUsages(silent),))
    found = find_usages(ports, yard.bench.dataset, [parse_version("1.0.0")])
    assert found.found == ()
    assert found.unread
    assert BundleUsages(MemoryStore())(yard.bench.dataset, []) == []


def test_a_release_that_was_withdrawn_stays_in_the_bundles_that_locked_it(
    bench: Bench, yard: Yard
) -> None:
    yard.bench.release(rates(3, 4))
    yank(yard.bench.ports, yard.bench.dataset, parse_version("1.0.0"), by="tests", reason="wrong")
    assert find_bundle(bench.store, "model").lock.channel("tests/rates") is not None
    asked = "  - {dataset: tests/rates, version: '1.0.0'}\n"
    other = PATH.replace("2025.25", "2025.26")
    bench.commit({other: bundle_text(asked, version="v1.0.0-2025.26")})
    with pytest.raises(Rejected, match="was withdrawn"):
        bench.index(other)
    with pytest.raises(NotFound):
        find_bundle(bench.store, "model", "v1.0.0-2025.26")
