"""What publishing left unfinished is found and finished: documents, the catalogue, the push."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dataplatform.bundles.outcomes import PUBLISHED, read_outcomes, record_outcome
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.settle import find_unsettled, settle
from dataplatform_tests.bundles.bench import PATH, Bench, bundle_text
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from opendata.reading.file_index.bundles import read_bundle_catalogue
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.errors import Unavailable

OTHER = "bundles/weekly/model-v1.0.0-2025.26.yaml"
REF = parse_bundle_ref("weekly/model-v1.0.0-2025.25")


@dataclass
class DeadRepo(FakeIndexRepo):
    """An index repository that does not answer."""

    def read(self, path: str, branch: str | None = None) -> bytes | None:
        raise Unavailable("memory:DataIndexHub does not answer")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two bundles, published whole."""
    bench = Bench(tmp_path)
    bench.pictures("images", 4)
    bench.ask()
    bench.commit({OTHER: bundle_text(version="v1.0.0-2025.26")})
    for path in (PATH, OTHER):
        bench.index(path)
    return bench


def told(ports: BundlePorts) -> list[tuple[str, bool]]:
    return [(one.object, one.repairable) for one in find_unsettled(ports)]


def test_what_was_published_whole_is_settled(bench: Bench) -> None:
    assert find_unsettled(bench.ports) == []
    assert find_unsettled(bench.ports, REF) == []
    # Who looks may know the API by another address; the documents stay as they are.
    assert find_unsettled(replace(bench.ports, base_url="http://127.0.0.1:8000")) == []


@pytest.mark.requirement("S0-79", "B20")
def test_a_push_that_failed_is_found_and_made_again(bench: Bench) -> None:
    lost = bench.indexes
    bench.indexes = FakeIndexRepo()
    found = find_unsettled(bench.ports)
    assert [one.object for one in found] == [
        f"{path} in {bench.indexes.url}" for path in (PATH, OTHER)
    ]
    assert settle(bench.ports, found) == []
    assert lost is not None
    assert bench.indexes.branches.keys() == lost.branches.keys()
    assert bench.indexes.read(PATH) == lost.read(PATH)
    assert find_unsettled(bench.ports) == []


def test_a_request_whose_push_was_made_again_has_ended_well(bench: Bench) -> None:
    commit = bench.specs.head()
    refused = Unavailable("memory:DataIndexHub does not answer", details={PUBLISHED: True})
    record_outcome(bench.store, PATH, commit, bench.clock(), error=refused)
    broken = Unavailable("the files do not answer")
    record_outcome(bench.store, OTHER, commit, bench.clock(), error=broken)
    bench.indexes = FakeIndexRepo()
    settle(bench.ports, find_unsettled(bench.ports))
    ended = read_outcomes(bench.store)
    assert (ended[PATH].outcome, ended[PATH].commit) == ("indexed", commit)
    assert ended[OTHER].outcome == "failed"  # that one was about something else


def test_lost_and_old_documents_are_made_again(bench: Bench) -> None:
    before = bench.store.get(PATH).data
    bench.store.delete(PATH)
    bench.store.put(OTHER, before)
    assert told(bench.ports) == [(PATH, True), (OTHER, True)]
    settle(bench.ports, find_unsettled(bench.ports))
    assert bench.store.get(PATH).data == before
    assert find_unsettled(bench.ports) == []


def test_a_lost_or_damaged_catalogue_is_made_of_the_pointers(bench: Bench) -> None:
    before = read_bundle_catalogue(bench.store).bundles
    bench.store.put(keys.BUNDLE_CATALOGUE, b"{")
    assert told(bench.ports) == [(keys.BUNDLE_CATALOGUE, True)]
    settle(bench.ports, find_unsettled(bench.ports))
    assert read_bundle_catalogue(bench.store).bundles == before
    bench.store.delete(keys.BUNDLE_CATALOGUE)
    assert told(bench.ports) == [(keys.BUNDLE_CATALOGUE, True)]
    settle(bench.ports, find_unsettled(bench.ports, REF))
    assert read_bundle_catalogue(bench.store).bundles == before


def test_an_entry_without_a_pointer_goes(bench: Bench) -> None:
    bench.store.delete(keys.bundle_pointer_key(REF))
    assert told(bench.ports) == [(keys.BUNDLE_CATALOGUE, True)]
    settle(bench.ports, find_unsettled(bench.ports))
    assert [one.version for one in read_bundle_catalogue(bench.store).bundles] == ["v1.0.0-2025.26"]


def test_a_bundle_that_cannot_be_read_is_told_and_stops_no_other(bench: Bench) -> None:
    pointer = keys.bundle_pointer_key(REF)
    bench.store.put(pointer, b"{")
    bench.store.delete(OTHER)
    assert told(bench.ports) == [(pointer, False), (OTHER, True)]
    settle(bench.ports, find_unsettled(bench.ports))
    assert told(bench.ports) == [(pointer, False)]
    # Its entry is all that still names it: no catalogue is made that lacks it.
    bench.store.delete(keys.BUNDLE_CATALOGUE)
    [left] = settle(bench.ports, find_unsettled(bench.ports))
    assert (left.object, left.repairable) == (keys.BUNDLE_CATALOGUE, False)


def test_an_index_repository_that_is_away_is_told_once_and_the_store_is_mended(
    bench: Bench,
) -> None:
    bench.indexes = DeadRepo()
    bench.store.delete(PATH)
    found = find_unsettled(bench.ports)
    assert [one.object for one in found] == [PATH, "memory:DataIndexHub"]
    assert found[1].problem == "memory:DataIndexHub does not answer"
    settle(bench.ports, found)
    assert bench.store.stat(PATH) is not None
