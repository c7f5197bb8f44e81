"""History and listings: what was published when, as far as the pointer's own chain tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.publish import move_back
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.catalogue import load_catalogue, search_catalogue
from opendata.reading.history import commit_at, publishing_commit, read_commit, walk_history
from opendata.reading.listing import list_releases, read_info
from opendata.reading.resolve import read_release, read_route
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry
from opendata.wire.errors import Corrupt, InvalidInput, NotFound
from opendata.wire.pointer import Pointer, next_pointer
from opendata.wire.version import parse_version

V1, V2, V3 = (parse_version(text) for text in ("1.0.0", "1.0.1", "1.0.2"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two releases, the way back to the first, and one that was frozen and never published."""
    bench = make_bench(MemoryStore(), tmp_path, contract={"primary_key": ["day"]})
    bench.release(rates(1))
    bench.release(rates(2, 3))
    move_back(bench.ports, bench.dataset, V1)
    bench.freeze(bench.stage(rates(4)))
    return bench


def head(bench: Bench) -> Pointer:
    route = read_route(bench.store, bench.dataset)
    assert route is not None
    return route.pointer


# --- the chain -----------------------------------------------------------------------


@pytest.mark.requirement("B1", "S4-55")
def test_the_chain_is_walked_from_the_newest_commit_to_the_first(bench: Bench) -> None:
    commits = list(walk_history(bench.store, bench.dataset))
    assert [commit.generation for commit in commits] == [3, 2, 1]
    assert [commit.release for commit in commits] == ["1.0.0", "1.0.1", "1.0.0"]
    assert [commit.kind for commit in commits] == ["rollback", "hotfix", "publish"]
    for number, commit in enumerate(reversed(commits), 1):
        assert commit_at(bench.store, bench.dataset, number, head(bench)) == commit
    assert commit_at(bench.store, bench.dataset, 4, head(bench)) is None


def test_a_release_s_own_commit_is_found_behind_rollbacks(bench: Bench) -> None:
    commits = list(walk_history(bench.store, bench.dataset))
    for version, expected in ((V1, commits[0]), (V2, commits[1]), (V3, None)):
        release = read_release(bench.store, bench.dataset, version)
        assert publishing_commit(bench.store, release, head(bench)) == expected


def test_a_record_that_no_pointer_reaches_does_not_count(bench: Bench) -> None:
    stray = next_pointer(
        head(bench),
        nonce="0" * 16,
        release="1.0.2",
        manifest_sha256="f" * 64,
        kind="publish",
        updated_at="2026-02-01T00:00:00Z",
    )
    bench.store.put(keys.commit_key(bench.dataset, 4, stray.commit_id), stray.to_bytes())
    assert len(list(walk_history(bench.store, bench.dataset))) == 3


def test_a_gap_and_a_stranger_in_the_chain_are_named(bench: Bench) -> None:
    second = commit_at(bench.store, bench.dataset, 2, head(bench))
    assert second is not None
    key = keys.commit_key(bench.dataset, 2, second.commit_id)
    sound = bench.store.get(key).data
    bench.store.delete(key)
    with pytest.raises(Corrupt, match="is gone") as broken:
        list(walk_history(bench.store, bench.dataset))
    assert broken.value.details["object"] == key
    bench.store.put(key, head(bench).to_bytes())
    with pytest.raises(Corrupt, match="another commit"):
        read_commit(bench.store, bench.dataset, 2, second.commit_id)
    bench.store.put(key, sound)
    assert len(list(walk_history(bench.store, bench.dataset))) == 3


def test_a_chain_that_does_not_begin_at_one_is_broken(bench: Bench) -> None:
    parentless = next_pointer(
        None,
        nonce="0" * 16,
        release="1.0.0",
        manifest_sha256="f" * 64,
        kind="publish",
        updated_at="2026-02-01T00:00:00Z",
    )
    assert list(walk_history(bench.store, bench.dataset, parentless)) == [parentless]
    later = Pointer(**{**parentless.to_json(), "generation": 5})
    with pytest.raises(Corrupt, match="begins at generation 5"):
        list(walk_history(bench.store, bench.dataset, later))


# --- listings ------------------------------------------------------------------------


@pytest.mark.requirement("S4-67", "S4-70", "S4-91")
def test_every_release_is_listed_with_what_became_of_it(bench: Bench) -> None:
    listed = list_releases(bench.store, bench.dataset)
    assert [(one.release, one.state) for one in listed] == [
        ("1.0.2", "frozen"), ("1.0.1", "published"), ("1.0.0", "current"),
    ]  # fmt: skip
    assert listed[0].published_at is None
    assert listed[1].row_count == 2
    assert listed[1].changes["added"] == 1
    assert listed[2].content_hash == bench.current.manifest.integrity.content_hash


def test_a_stranger_s_file_among_the_releases_is_no_release(bench: Bench) -> None:
    for name in ("1.0.0.json.bak", "v1.0.0.json", "notes.txt"):
        bench.store.put(f"{keys.release_prefix(bench.dataset)}{name}", b"")
    assert len(list_releases(bench.store, bench.dataset)) == 3


def test_a_data_set_that_was_never_published_has_no_releases(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    with pytest.raises(NotFound, match="never published"):
        list_releases(bench.store, bench.dataset)


@pytest.mark.requirement("S1-24")
def test_what_is_known_of_a_release_is_not_another_release_s(bench: Bench) -> None:
    second = read_release(bench.store, bench.dataset, V2)
    assert read_info(bench.store, second)["row_count"] == 2
    assert read_info(bench.store, bench.current)["row_count"] == 1
    bench.store.put(keys.metadata_key(bench.dataset), b"{")
    assert read_info(bench.store, bench.current)["title"] == "Rates"


# --- searching -----------------------------------------------------------------------


def entry(name: str, **facts: object) -> CatalogueEntry:
    known = {
        "id": f"ns/{name}", "title": name, "description": "", "license": "", "namespace": "ns",
        "release": "1.0.0", "generation": 1, "updated_at": "", "row_count": 1, "size_bytes": 1,
    }  # fmt: skip
    return CatalogueEntry(**(known | facts))  # type: ignore[arg-type]


CATALOGUE = Catalogue(
    generated_at="",
    datasets=(
        entry(
            "yield-curve", topics=("rates", "macro"), min_date="1990-01-02", max_date="2026-01-30"
        ),
        entry("airports", description="a curve in the runway", topics=("Aviation",)),
        entry("fx", title="Yield of currencies", min_date="2020-01-01T00:00:00Z", max_date="2021"),
    ),
)


@pytest.mark.requirement("S1-73", "S1-91", "B10")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"text": "curve"}, ["ns/yield-curve", "ns/airports"]),  # the id counts most
        ({"text": "YIELD"}, ["ns/yield-curve", "ns/fx"]),
        ({"text": "yield curve"}, ["ns/yield-curve"]),
        ({"text": "aviation"}, ["ns/airports"]),
        ({"text": "tag:rates"}, ["ns/yield-curve"]),
        ({"topic": "AVIATION"}, ["ns/airports"]),
        ({"text": "curve", "topic": "macro"}, ["ns/yield-curve"]),
        ({"namespace": "other"}, []),
        ({"covers": "2020-06-01"}, ["ns/fx", "ns/yield-curve"]),
        ({"covers": "1990-01-01"}, []),
        ({"text": "nothing like it"}, []),
        ({}, ["ns/airports", "ns/fx", "ns/yield-curve"]),
    ],
)
def test_a_search_finds_what_has_every_word_best_first(
    asked: dict[str, str], found: list[str]
) -> None:
    assert [one.id for one in search_catalogue(CATALOGUE, **asked)] == found


@pytest.mark.parametrize("day", ["soon", "2020-13-01", "2020", "2020-01-01 and more"])
def test_a_search_by_a_date_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(InvalidInput, match="no date"):
        search_catalogue(CATALOGUE, covers=day)


def test_a_store_without_a_catalogue_says_so() -> None:
    with pytest.raises(NotFound, match="nothing was published"):
        load_catalogue(MemoryStore())
