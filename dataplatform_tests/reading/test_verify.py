"""Verifying: several objects at once, in bounded memory, with findings in the manifest's order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform_tests.releases.building import ID, Bench, make_bench, rates
from opendata.reading.verify import verify_dataset
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.errors import Unavailable
from opendata.wire.ids import Reference, parse_dataset_id
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-8", "S4-72", "S4-91")
V1 = Reference(parse_dataset_id(ID), parse_version("1.0.0"))


class Watched(MemoryStore):
    """A store that notes how objects are read; the first `together` wait for each other."""

    def __init__(self, inner: ObjectReader, together: int = 1) -> None:
        super().__init__()
        self._from = inner
        self._together = together
        self._meet = threading.Barrier(together)
        self._numbers = itertools.count()
        self.asked: list[int] = []

    def get(self, key: str, *, max_bytes: int | None = None):  # type: ignore[no-untyped-def]
        return self._from.get(key, max_bytes=max_bytes)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:  # type: ignore[override]
        self.asked.append(chunk_bytes)
        if next(self._numbers) < self._together:
            self._meet.wait(30)
        return iter([self._from.get(key).data])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A release of three shards, of which the last is the largest."""
    bench = make_bench(MemoryStore(), tmp_path, time="day", release={"shard": "month"})
    bench.release(rates(*range(31 + 28 + 31)))
    return bench


def damage(bench: Bench, key: str) -> None:
    bench.store.put(key, b"other bytes")


def test_findings_come_in_the_manifest_s_order_whatever_is_hashed_first(bench: Bench) -> None:
    files = bench.current.manifest.files
    damaged = [files[0].path, files[0].chunks, files[1].path, files[2].chunks]
    for key in damaged:
        damage(bench, key)
    for _ in range(3):
        found = verify_dataset(bench.store, V1, None).damaged
        assert [each.object for each in found] == damaged


def test_every_object_is_told_once_and_counted(bench: Bench) -> None:
    told: list[str] = []
    verified = verify_dataset(bench.store, Reference(bench.dataset), None, told.append)
    assert verified.passed
    assert len(told) == verified.objects
    assert len(set(told)) == len(told)
    manifest = bench.current.manifest
    assert {entry.path for entry in manifest.files} <= set(told)
    assert verified.bytes >= manifest.size_bytes


def test_objects_are_read_side_by_side(bench: Bench) -> None:
    assert verify_dataset(Watched(bench.store, together=2), V1, None).passed


def test_objects_are_read_in_small_pieces(bench: Bench) -> None:
    watched = Watched(bench.store)
    verify_dataset(watched, V1, None)
    assert set(watched.asked) == {1 << 20}


def test_a_store_that_stops_answering_is_no_damage(bench: Bench) -> None:
    class Silent(Watched):
        def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:  # type: ignore[override]
            raise Unavailable("no answer", code="store_unreachable")

    with pytest.raises(Unavailable):
        verify_dataset(Silent(bench.store), V1, None)


def test_a_trace_that_is_not_what_its_digest_says_is_found(bench: Bench) -> None:
    from opendata.wire.codec import replace
    from opendata.wire.digest import digest_of
    from opendata.wire.signed_body import signed_body

    manifest = bench.current.manifest
    trace = {**manifest.trace, "digest": f"sha256:{'0' * 64}"}
    altered = replace(manifest, trace=trace)
    hashed = digest_of(signed_body(altered.to_json()))
    altered = replace(altered, integrity=replace(altered.integrity, hash_sha256=hashed))
    key = keys.release_key(bench.dataset, parse_version("1.0.0"))
    bench.store.put(key, altered.to_bytes())
    found = verify_dataset(bench.store, V1, None).damaged
    assert any("trace" in each.problem for each in found)
