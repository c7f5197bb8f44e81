"""What a cache remembers: pointers that were seen, files that were hashed and looked through."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from dataplatform_tests.reading.cached import DIGEST, date_back
from opendata.reading.cache import Cache
from opendata.reading.verified import CHECKS_MAX, Check

pytestmark = pytest.mark.requirement("B14")


def test_the_last_pointer_is_remembered(cache: Cache, folder: Path) -> None:
    name = "s3://bucket/x|datasets/ns/name/latest.json"
    assert cache.recall(name) is None
    cache.remember(name, b"generation 1")
    cache.remember(name, b"generation 2")
    assert Cache(str(folder)).recall(name) == b"generation 2"
    assert cache.recall("another") is None


@pytest.mark.parametrize("kept", [True, False])
def test_a_local_file_is_hashed_again_only_when_touched(
    folder: Path, shard: Path, kept: bool
) -> None:
    cache = Cache(str(folder) if kept else None)
    assert cache.verified(str(shard)) is None
    cache.record_verified(str(shard), DIGEST)
    assert cache.verified(str(shard)) == DIGEST
    assert Cache(str(folder)).verified(str(shard)) == (DIGEST if kept else None)
    for touch in (_append, _rewrite_in_place, _replace):
        touch(shard)
        assert cache.verified(str(shard)) is None
        date_back(shard)
        cache.record_verified(str(shard), DIGEST)
    shard.unlink()
    assert cache.verified(str(shard)) is None


ALL_OF_TWO = Check("rules", frozenset({0, 1}), frozenset({"a", "b"}))


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_is_looked_through_again_only_for_more_than_it_was(
    folder: Path, shard: Path, kept: bool
) -> None:
    cache = Cache(str(folder) if kept else None)
    cache.record_check(str(shard), ALL_OF_TWO)
    assert not cache.is_checked(str(shard), ALL_OF_TWO)  # nobody knows its digest
    cache.record_verified(str(shard), DIGEST)
    cache.record_check(str(shard), ALL_OF_TWO)
    for one in (cache, *([Cache(str(folder))] if kept else [])):
        assert one.verified(str(shard)) == DIGEST
        assert one.is_checked(str(shard), ALL_OF_TWO)
        assert one.is_checked(str(shard), Check("rules", frozenset({1}), frozenset({"b"})))
        assert not one.is_checked(str(shard), Check("rules", frozenset({2}), frozenset({"b"})))
        assert not one.is_checked(str(shard), Check("rules", frozenset({1}), frozenset({"c"})))
        assert not one.is_checked(str(shard), Check("stricter", frozenset({1}), frozenset({"b"})))


def test_a_file_that_was_touched_is_looked_through_again(cache: Cache, shard: Path) -> None:
    for touch in (_append, _rewrite_in_place, _replace):
        date_back(shard)
        cache.record_verified(str(shard), DIGEST)
        cache.record_check(str(shard), ALL_OF_TWO)
        assert cache.is_checked(str(shard), ALL_OF_TWO)
        touch(shard)
        assert not cache.is_checked(str(shard), ALL_OF_TWO)
        cache.record_check(str(shard), ALL_OF_TWO)  # too late: these are other bytes
        assert not cache.is_checked(str(shard), ALL_OF_TWO)


def test_of_many_checks_the_last_are_remembered(cache: Cache, shard: Path) -> None:
    cache.record_verified(str(shard), DIGEST)
    checks = [Check("rules", frozenset({index}), frozenset({"a"})) for index in range(20)]
    for check in checks:
        cache.record_check(str(shard), check)
    assert [one for one in checks if cache.is_checked(str(shard), one)] == checks[-CHECKS_MAX:]


@pytest.mark.parametrize("checks", [7, [7], [{}], [{"by": "rules", "groups": "g", "columns": []}]])
def test_checks_that_nobody_wrote_are_none(
    folder: Path, cache: Cache, shard: Path, checks: object
) -> None:
    cache.record_verified(str(shard), DIGEST)
    for record in (folder / "verified").rglob("*"):
        if record.is_file():
            record.write_text(json.dumps({**json.loads(record.read_text()), "checks": checks}))
    fresh = Cache(str(folder))
    assert fresh.verified(str(shard)) == DIGEST
    assert not fresh.is_checked(str(shard), ALL_OF_TWO)


def test_a_file_written_this_very_moment_is_not_trusted_yet(cache: Cache, shard: Path) -> None:
    # A second write within the same tick of the file system's clock would not show.
    later = time.time_ns() + 10_000_000_000
    os.utime(shard, ns=(later, later))
    cache.record_verified(str(shard), DIGEST)
    assert cache.verified(str(shard)) is None


def test_a_torn_record_is_no_record(cache: Cache, folder: Path, shard: Path) -> None:
    cache.record_verified(str(shard), DIGEST)
    for record in (folder / "verified").rglob("*"):
        if record.is_file():
            record.write_bytes(b'{"size": ')
    assert Cache(str(folder)).verified(str(shard)) is None


def _append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"!")


def _rewrite_in_place(file: Path) -> None:
    file.write_bytes(b"!" * file.stat().st_size)


def _replace(file: Path) -> None:
    before = file.stat()
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
    other.replace(file)
