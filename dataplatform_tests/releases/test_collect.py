"""Garbage collection: what goes, what stays, and when nothing happens at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.releases.collecting.explain import explain_object
from dataplatform.releases.collecting.look import Rules, Standing, roots_of
from dataplatform.releases.collecting.mark import look_only
from dataplatform.releases.collecting.roots import RootDocument
from dataplatform.releases.publish import move_back
from dataplatform_tests.fakes.stores import WRITES
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import (
    DAY_AND_MORE,
    MARKS_APART,
    RULES,
    Yard,
    make_yard,
)
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.codec import read_wire
from opendata.wire.collection import CollectionMark, CollectionRecord
from opendata.wire.errors import Conflict, Corrupt, InvalidInput, Rejected
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("B2", "S4-8")
V1 = parse_version("1.0.0")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """One published release, a day and more old."""
    yard = make_yard(MemoryStore(), tmp_path)
    yard.bench.release(rates(1))
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    return yard


# --- the usual way ---------------------------------------------------------------------


def test_what_a_killed_build_left_goes_after_two_marks(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    assert orphans
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    first = yard.collect()
    assert (first.removed, first.compared_with) == ([], None)
    assert orphans <= yard.objects
    yard.ageing.let_pass(hours=MARKS_APART)
    second = yard.collect()
    assert {keys.object_key(one.digest) for one in second.removed} == orphans
    assert second.compared_with == first.mark
    assert not orphans & yard.objects
    yard.check_whole()


def test_marks_that_lie_too_close_count_for_nothing(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.mark()
    yard.ageing.let_pass(hours=3)
    assert yard.collect().removed == []
    assert orphans <= yard.objects


def test_what_is_young_is_not_even_marked(yard: Yard) -> None:
    yard.leave_orphans(2)
    yard.ageing.let_pass(hours=23)
    made = yard.mark()
    stored = yard.store.get(keys.collection_mark_key(made.id)).data
    assert read_wire(CollectionMark, stored, "the mark").objects == ()
    assert made.look.tallies[Standing.YOUNG].objects > 0


def test_a_look_writes_nothing(yard: Yard) -> None:
    yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    before = len(yard.ageing.calls)
    found = look_only(yard.bench.ports, roots_of(yard.bench.ports), RULES)
    assert found.tallies[Standing.UNMARKED].objects > 0
    assert not {operation for operation, _ in yard.ageing.calls[before:]} & WRITES


def test_collecting_again_finds_nothing(yard: Yard) -> None:
    yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    assert yard.collect_twice().removed
    yard.ageing.let_pass(hours=MARKS_APART)
    assert yard.collect().removed == []


def test_a_record_says_what_went_and_no_journal_is_left(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    done = yard.collect_twice()
    assert done.id is not None
    data = yard.store.get(keys.collection_record_key(done.id)).data
    record = read_wire(CollectionRecord, data, "the record")
    assert {keys.object_key(one.digest) for one in record.removed} == orphans
    assert list(yard.store.list(keys.COLLECTION_JOURNALS)) == []


def test_old_marks_are_dropped(yard: Yard) -> None:
    for _ in range(5):
        yard.mark()
        yard.ageing.let_pass(hours=MARKS_APART)
    assert len(list(yard.store.list(keys.COLLECTION_MARKS))) == 2


def test_a_mark_is_bounded_and_the_next_ones_go_on(yard: Yard) -> None:
    orphans = yard.leave_orphans(2) | yard.leave_orphans(3)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    small, rounds = Rules(objects_max=2), 0
    while orphans & yard.objects:
        assert len(yard.collect(rules=small).removed) <= 2
        yard.ageing.let_pass(hours=MARKS_APART)
        rounds += 1
    assert rounds > len(orphans) // 2
    yard.check_whole()


# --- what stays ------------------------------------------------------------------------


def test_every_frozen_release_stays_published_or_not(yard: Yard) -> None:
    yard.bench.release(rates(2))
    yard.bench.freeze(yard.bench.stage(rates(3)))
    move_back(yard.bench.ports, yard.bench.dataset, V1)
    for stat in [*yard.ageing.inner.list(keys.STAGING)]:
        yard.store.delete(stat.key)
    needed = set(yard.needed())
    yard.ageing.let_pass(days=400)
    assert needed
    yard.collect_twice()
    assert needed <= yard.objects
    assert yard.objects == needed


def test_what_a_staged_candidate_names_stays(yard: Yard) -> None:
    before = yard.objects
    digest = yard.bench.stage(rates(2))
    staged = yard.objects - before
    yard.ageing.let_pass(days=20)
    assert yard.collect_twice().removed == []
    yard.bench.freeze(digest)
    assert staged <= yard.objects


def test_any_document_keeps_what_it_names(yard: Yard) -> None:
    """A bundle, a pin, or what a later version stores below a data set."""
    orphans = sorted(yard.leave_orphans(2))
    yard.store.put("bundles/weekly/a-1.yaml", f"object: {orphans[0]}\n".encode())
    later = {"from": "sha256:" + keys.digest_of_object_key(orphans[1])}
    yard.store.put(
        f"{keys.dataset_prefix(yard.bench.dataset)}later.json", json.dumps(later).encode()
    )
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.collect_twice()
    assert {key for key in orphans if key in yard.objects} == set(orphans[:2])


def test_others_may_know_of_objects_too(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    kept = min(orphans)

    class RunsDatabase:
        def documents(self) -> Iterator[RootDocument]:
            yield RootDocument("run 7", bytes.fromhex(keys.digest_of_object_key(kept)))

    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    yard.collect(others=(RunsDatabase(),))
    assert orphans & yard.objects == {kept}


def test_what_was_put_among_the_objects_by_hand_is_left_alone(yard: Yard) -> None:
    yard.store.put("objects/sha256/ab/notes.txt", b"mine")
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.collect_twice()
    assert "objects/sha256/ab/notes.txt" in yard.objects


def test_what_is_written_anew_after_the_mark_is_marked_anew(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    assert yard.leave_orphans(2) == set()  # a second build came upon the same objects
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    assert yard.collect().removed == []
    yard.ageing.let_pass(hours=MARKS_APART)
    assert {keys.object_key(one.digest) for one in yard.collect().removed} == orphans


# --- refusals --------------------------------------------------------------------------


def test_nothing_goes_where_nothing_is_published(tmp_path: Path) -> None:
    yard = make_yard(MemoryStore(), tmp_path)
    assert yard.collect().removed == []  # an empty store is no reason to complain
    yard.leave_orphans(1)
    with pytest.raises(Rejected) as refused:
        yard.collect()
    assert refused.value.code == "no_roots"


def test_more_than_a_tenth_goes_only_by_force(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    with pytest.raises(Rejected, match="more than 10% at once") as refused:
        yard.collect(force=False)
    assert (refused.value.code, orphans <= yard.objects) == ("too_much", True)
    assert yard.collect(rules=Rules(share_max=0.9), force=False).removed


@pytest.mark.parametrize(
    "damaged",
    [
        "datasets/tests/rates/releases/1.0.0.json",
        "datasets/tests/rates/latest.json",
        "staging/tests/rates/*/candidate.json",
        "staging/tests/rates/*/verdict-contract.json",
    ],
)
def test_a_root_that_cannot_be_read_ends_it_by_name(yard: Yard, damaged: str) -> None:
    head, _, tail = damaged.partition("*")
    key = next(
        stat.key
        for stat in yard.store.list(head)
        if stat.key.startswith(head) and stat.key.endswith(tail)
    )
    yard.store.put(key, b'{"altered": "bytes"')
    with pytest.raises(Corrupt, match=key) as refused:
        yard.collect()
    assert refused.value.details["object"] == key


def test_a_manifest_that_was_removed_by_hand_is_missed(yard: Yard) -> None:
    yard.bench.release(rates(2))
    yard.store.delete(keys.release_key(yard.bench.dataset, V1))
    with pytest.raises(Rejected, match=r"needs .*releases/1\.0\.0\.json") as refused:
        yard.collect()
    assert refused.value.code == "incomplete_listing"


def test_a_data_set_that_the_catalogue_knows_must_be_listed(yard: Yard) -> None:
    for stat in [*yard.ageing.inner.list(keys.dataset_prefix(yard.bench.dataset))]:
        yard.store.delete(stat.key)
    with pytest.raises(Rejected, match=r"index\.json needs"):
        yard.collect()


def test_fewer_manifests_than_at_the_mark_need_force(yard: Yard) -> None:
    unpublished = yard.bench.freeze(yard.bench.stage(rates(2))).release
    for stat in [*yard.ageing.inner.list(keys.STAGING)]:
        yard.store.delete(stat.key)
    yard.leave_orphans(3)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    yard.store.delete(keys.release_key(yard.bench.dataset, unpublished.version))
    with pytest.raises(Rejected, match="has 1 frozen manifest, and had 2") as refused:
        yard.collect(force=False)
    assert refused.value.code == "fewer_manifests"
    assert yard.collect().removed


def test_a_second_collection_waits_for_the_first(yard: Yard) -> None:
    yard.store.put(keys.collection_journal_key("20260131T060000Z-aaaaaaaa"), b"{}")
    with pytest.raises(Conflict) as refused:
        yard.collect()
    assert refused.value.code == "collecting"
    yard.ageing.let_pass(hours=2)
    yard.collect()  # it was killed, and what it left cannot even be read
    assert list(yard.store.list(keys.COLLECTION_JOURNALS)) == []


def test_a_damaged_mark_counts_for_nothing(yard: Yard) -> None:
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    yard.store.put(keys.collection_mark_key(yard.mark().id), b"{")
    yard.ageing.let_pass(hours=MARKS_APART)
    assert yard.collect().removed == []
    assert orphans <= yard.objects


@pytest.mark.parametrize("wrong_by", [timedelta(days=-400), timedelta(days=400)])
def test_ages_are_told_by_the_store_and_not_by_this_machine(
    yard: Yard, wrong_by: timedelta
) -> None:
    old = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    young = yard.leave_orphans(3)
    ports = replace(yard.bench.ports, now=lambda: datetime.now(UTC) + wrong_by)
    skewed = replace(yard, bench=replace(yard.bench, ports=ports))
    skewed.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    skewed.collect()
    assert not old & yard.objects
    assert young <= yard.objects


# --- questions -------------------------------------------------------------------------


def test_an_object_is_explained_by_those_who_name_it(yard: Yard) -> None:
    entry = yard.bench.current.manifest.files[0]
    told = explain_object(yard.bench.ports, entry.path, RULES)
    assert keys.release_key(yard.bench.dataset, V1) in told.named_by
    assert (told.size_bytes, told.old_from) == (entry.size_bytes, None)
    orphan = min(yard.leave_orphans(2))
    told = explain_object(yard.bench.ports, keys.digest_of_object_key(orphan), RULES)
    assert told.named_by == ()
    assert told.written_at is not None
    assert told.old_from == told.written_at + timedelta(hours=24)
    with pytest.raises(InvalidInput, match="is no object"):
        explain_object(yard.bench.ports, "index.json", RULES)
