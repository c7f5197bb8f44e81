"""Retention: candidates go when they are old, and nothing else ever does."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.releases.collecting.pins import find_staged, pin_candidate, unpin_candidate
from dataplatform.releases.collecting.retention import (
    Keeping,
    Retention,
    enforce_retention,
    review_staged,
    staged_datasets,
)
from dataplatform_tests.fakes.stores import WRITES, Fault, FaultyStore, Pause
from dataplatform_tests.faults.collection_checks import LISTING_DEFECTS, ListingDefect, LyingStore
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import Yard, make_yard
from dataplatform_tests.releases.waiting import in_background
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, Rejected, Unavailable
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-89", "B2")
TTL = timedelta(days=30)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return make_yard(MemoryStore(), tmp_path)


def enforce(yard: Yard) -> Retention:
    return enforce_retention(yard.bench.ports, yard.bench.dataset, TTL)


def keepings(found: Retention) -> dict[str, Keeping]:
    return {one.candidate: one.keeping for one in found.candidates}


def staged(yard: Yard) -> set[str]:
    return {stat.key.split("/")[3] for stat in yard.ageing.inner.list(keys.STAGING)}


def test_what_was_never_frozen_goes_when_it_is_old(yard: Yard) -> None:
    published = yard.bench.release(rates(1)).release
    failed = yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=31)
    newest = yard.bench.stage(rates(3))
    found = enforce(yard)
    evidence = published.manifest.candidate.removeprefix("sha256:")
    assert keepings(found) == {
        evidence: Keeping.FROZEN,
        failed: Keeping.EXPIRED,
        newest: Keeping.YOUNG,
    }
    assert staged(yard) == {evidence, newest}
    yard.check_whole()


def test_a_look_writes_nothing(yard: Yard) -> None:
    for value in (1, 2):
        yard.bench.stage(rates(value))
    yard.ageing.let_pass(days=31)
    before = len(yard.ageing.calls)
    found = review_staged(yard.bench.ports, yard.bench.dataset, TTL)
    assert len(found.expired) == 1
    assert not {operation for operation, _ in yard.ageing.calls[before:]} & WRITES


def test_the_newest_candidate_stays_however_old(yard: Yard) -> None:
    """A back-fill may build upon it, and it may still be released."""
    yard.bench.stage(rates(1))
    yard.ageing.let_pass(days=1)
    newest = yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=400)
    assert keepings(enforce(yard))[newest] is Keeping.NEWEST
    assert staged(yard) == {newest}
    yard.bench.freeze(newest)


def test_what_others_build_upon_stays(yard: Yard) -> None:
    pending = yard.bench.stage(rates(1))
    yard.ageing.let_pass(days=31)
    yard.bench.stage(rates(2))
    found = enforce_retention(yard.bench.ports, yard.bench.dataset, TTL, pending=[pending])
    assert keepings(found)[pending] is Keeping.PENDING
    assert pending in staged(yard)


@pytest.mark.requirement("S4-8")
def test_what_was_frozen_and_never_published_stays_with_its_evidence(yard: Yard) -> None:
    digest = yard.bench.stage(rates(1))
    release = yard.bench.freeze(digest).release
    yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=400)
    assert keepings(enforce(yard))[digest] is Keeping.FROZEN
    assert yard.store.get(keys.release_key(yard.bench.dataset, release.version))
    for gate in ("contract", "quality"):
        assert yard.store.stat(keys.verdict_key(yard.bench.dataset, digest, gate)) is not None


def test_a_pin_keeps_a_candidate_until_it_is_taken_off(yard: Yard) -> None:
    ports, dataset = yard.bench.ports, yard.bench.dataset
    digest = yard.bench.stage(rates(1))
    assert find_staged(ports, dataset, digest[:12]) == digest
    assert find_staged(ports, dataset, f"sha256:{digest}") == digest
    assert pin_candidate(ports, dataset, digest, "asked for by an auditor")
    assert not pin_candidate(ports, dataset, digest)
    yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=400)
    assert keepings(enforce(yard))[digest] is Keeping.PINNED
    assert unpin_candidate(ports, dataset, digest)
    assert not unpin_candidate(ports, dataset, digest)
    assert keepings(enforce(yard))[digest] is Keeping.EXPIRED


def test_only_what_is_staged_can_be_pinned(yard: Yard) -> None:
    ports, dataset = yard.bench.ports, yard.bench.dataset
    with pytest.raises(NotFound):
        find_staged(ports, dataset, "abc")
    for value in range(17):  # of seventeen two begin with the same digit
        yard.bench.build(rates(value))
    [(digit, _)] = Counter(digest[0] for digest in staged(yard)).most_common(1)
    with pytest.raises(InvalidInput, match="candidates of tests/rates"):
        find_staged(ports, dataset, digit)
    with pytest.raises(NotFound, match="expired"):
        pin_candidate(ports, dataset, "a" * 64)
    assert yard.store.stat(keys.pin_key(dataset, "a" * 64)) is None


def test_a_day_is_the_least(yard: Yard) -> None:
    with pytest.raises(InvalidInput, match="a day at least"):
        enforce_retention(yard.bench.ports, yard.bench.dataset, timedelta(hours=23))


def test_a_manifest_that_cannot_be_read_may_pin_something(yard: Yard) -> None:
    yard.bench.release(rates(1))
    yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=31)
    before = staged(yard)
    key = keys.release_key(yard.bench.dataset, parse_version("1.0.0"))
    whole = yard.store.get(key).data
    yard.store.put(key, b"{}")
    with pytest.raises(Corrupt, match=key):
        enforce(yard)
    yard.store.delete(key)
    with pytest.raises(Rejected, match="was not listed"):
        enforce(yard)
    assert staged(yard) == before
    yard.store.put(key, whole)
    enforce(yard)


@pytest.mark.parametrize("defect", LISTING_DEFECTS, ids=lambda defect: defect.name)
def test_a_lying_listing_costs_no_evidence(yard: Yard, defect: ListingDefect) -> None:
    digests = [yard.bench.release(rates(value)).release.manifest.candidate for value in (1, 2, 3)]
    yard.ageing.let_pass(days=400)
    yard.bench.stage(rates(4))
    lying = yard.on(LyingStore(yard.ageing, defect))
    with suppress(Rejected, Unavailable):
        enforce(lying)
    assert {digest.removeprefix("sha256:") for digest in digests} <= staged(yard)


def test_what_is_staged_again_meanwhile_stays(yard: Yard) -> None:
    digest = yard.bench.stage(rates(1))
    yard.ageing.let_pass(days=31)
    yard.bench.stage(rates(2))
    pause = Pause("list", f"staging/*/{digest}/")
    slow = yard.on(FaultyStore(yard.ageing, [pause]))
    with in_background(lambda: enforce(slow)) as outcome:
        pause.await_call()
        yard.bench.stage(rates(1))
        pause.release()
    assert outcome.error is None
    assert digest in staged(yard)
    yard.bench.freeze(digest)


def test_killed_at_every_removal_it_is_finished_by_the_next(yard: Yard) -> None:
    for at in range(1, 4):
        digest = yard.bench.stage(rates(at))
        yard.ageing.let_pass(days=31)
        yard.bench.stage(rates(9))
        broken = FaultyStore(yard.ageing, [Fault("delete", skip=at - 1)])
        with pytest.raises(Exception, match="scripted"):
            enforce(yard.on(broken))
        left = {stat.key for stat in yard.ageing.inner.list(keys.STAGING) if digest in stat.key}
        assert keys.candidate_key(yard.bench.dataset, digest) in left
        enforce(yard)
        assert digest not in staged(yard)


def test_verdicts_without_a_candidate_go_too(yard: Yard) -> None:
    digest = yard.bench.stage(rates(1))
    yard.store.delete(keys.candidate_key(yard.bench.dataset, digest))
    yard.ageing.let_pass(days=31)
    yard.bench.stage(rates(2))
    enforce(yard)
    assert digest not in staged(yard)


def test_what_was_put_there_by_hand_is_left_alone(yard: Yard) -> None:
    yard.bench.stage(rates(1))
    yard.store.put("staging/tests/rates/notes.txt", b"mine")
    yard.ageing.let_pass(days=31)
    enforce(yard)
    assert yard.store.stat("staging/tests/rates/notes.txt") is not None
    assert [str(one) for one in staged_datasets(yard.bench.ports)] == ["tests/rates"]


def test_the_objects_of_what_expired_are_collected_later(yard: Yard) -> None:
    yard.bench.release(rates(1))
    yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=31)
    yard.bench.stage(rates(3))
    enforce(yard)
    before = yard.objects
    yard.collect_twice()
    assert yard.objects < before
    yard.check_whole()


@pytest.mark.parametrize("wrong_by", [timedelta(days=-400), timedelta(days=400)])
def test_ages_are_told_by_the_store_and_not_by_this_machine(
    yard: Yard, wrong_by: timedelta
) -> None:
    ports = replace(yard.bench.ports, now=lambda: datetime.now(UTC) + wrong_by)
    old = yard.bench.stage(rates(1))
    yard.ageing.let_pass(days=31)
    young, newest = yard.bench.stage(rates(2)), yard.bench.stage(rates(3))
    found = enforce_retention(ports, yard.bench.dataset, TTL)
    assert keepings(found) == {
        old: Keeping.EXPIRED,
        young: Keeping.YOUNG,
        newest: Keeping.YOUNG,
    }
