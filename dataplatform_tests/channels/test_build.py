"""Indexing a channel: what it reads, what it keeps, what it publishes."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataplatform.channels import build as build_module
from dataplatform.channels.build import index_channel
from dataplatform.channels.look import plan_index
from dataplatform.channels.publish import publish_index
from dataplatform_tests.channels.lake import HOUR, Lake
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from opendata.wire import keys
from opendata.wire.bundle import SpecSource
from opendata.wire.channel import INDEX_COLUMNS, ChannelIndex, read_channel_index
from opendata.wire.errors import Conflict, InvalidInput, NotFound, Rejected, Unavailable


@pytest.mark.requirement("S0-32", "S0-41", "S0-44", "S0-45", "S0-46", "S0-47", "S0-48", "S0-49")
def test_an_index_has_a_row_for_each_file_with_the_documents_columns(lake: Lake) -> None:
    done = lake.index()
    rows = lake.rows(done.index)
    assert [tuple(row) for row in rows] == [INDEX_COLUMNS] * 3
    assert rows[0] == {
        "file_id": "img_20250601_120000_001",
        "relative_path": f"{HOUR}/img_001.jpg",
        "timestamp": datetime(2025, 6, 1, 12, tzinfo=UTC),
        "size_bytes": 7,
        "checksum": f"sha256:{hashlib.sha256(b'image 1').hexdigest()}",
        "metadata": "{}",
    }
    assert (done.changed, done.described, done.reused, done.removed) == (True, 3, 0, 0)
    assert (done.index.total_files, done.index.total_bytes, done.index.undated) == (3, 21, 0)
    assert done.index.start_time == done.index.end_time == "2025-06-01T12:00:00Z"


@pytest.mark.requirement("S0-41", "S0-42", "S0-43", "S0-50", "B20")
def test_the_description_and_the_copy_say_what_the_pointer_says(lake: Lake) -> None:
    source = SpecSource(repo="DataSpecHub", commit="abc", file="channels/c.yaml", sha256="0" * 64)
    index = lake.index(source=source).index
    pointer = keys.channel_pointer_key("image_original", lake.spec.version)
    assert read_channel_index(lake.store.get(pointer).data, pointer) == index
    copy = lake.store.get("channels/image_original/v1.2.0/index.parquet").data
    assert hashlib.sha256(copy).hexdigest() == index.index_sha256
    text = lake.store.get("channels/image_original/v1.2.0/index.yaml").data
    told = yaml.safe_load(text)
    meta = told["meta"]
    assert (meta["channel"], meta["version"], meta["total_files"]) == ("image_original", "1.2.0", 3)
    assert meta["index_schema"] == [
        {"file_id": "string"},
        {"relative_path": "string"},
        {"timestamp": "timestamp"},
        {"size_bytes": "int64"},
        {"checksum": "string"},
        {"metadata": "json"},
    ]
    assert meta["spec"] == {"file": "channels/c.yaml", "commit": "abc", "sha256": "0" * 64}
    assert [tuple(one) for one in told["sample_records"]] == [INDEX_COLUMNS] * 3
    assert told["sample_records"][0]["metadata"] == {}
    assert told["sample_records"][0]["file_id"] == "img_20250601_120000_001"


def test_rows_are_in_order_of_time_then_path_and_undated_ones_last(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for path in ("z.txt", "2025/06/02/00/a.jpg", "2025/06/01/23/z.jpg", "2025/06/01/23/a.jpg", "b"):
        lake.place.put(path, b"x")
    index = lake.index().index
    assert [row["relative_path"] for row in lake.rows(index)] == [
        "2025/06/01/23/a.jpg",
        "2025/06/01/23/z.jpg",
        "2025/06/02/00/a.jpg",
        "b",
        "z.txt",
    ]
    assert index.undated == 2
    assert (index.start_time, index.end_time) == ("2025-06-01T23:00:00Z", "2025-06-02T00:00:00Z")


def test_a_channel_without_files_has_an_index_without_rows(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    index = lake.index().index
    assert lake.rows(index) == []
    assert (index.total_files, index.start_time, index.samples) == (0, None, ())
    assert not lake.index().changed


def test_an_unchanged_channel_costs_a_listing(lake: Lake) -> None:
    first = lake.index()
    state = first.index.state
    assert state is not None
    lake.store.delete(state)  # not even the state is looked at
    again = lake.index()
    assert lake.place.hashed == []
    assert (again.changed, again.described, again.reused) == (False, 0, 3)
    assert again.index == first.index


def test_only_what_changed_is_read_again(lake: Lake) -> None:
    lake.index()
    lake.place.put(f"{HOUR}/img_004.jpg", b"image 4")
    lake.place.put(f"{HOUR}/img_002.jpg", b"changed")
    lake.place.remove(f"{HOUR}/img_003.jpg")
    done = lake.index()
    assert sorted(lake.place.hashed) == [f"{HOUR}/img_002.jpg", f"{HOUR}/img_004.jpg"]
    assert (done.changed, done.described, done.reused, done.removed) == (True, 2, 1, 1)
    assert done.index.generation == 2
    assert [row["relative_path"][-7:-4] for row in lake.rows(done.index)] == ["001", "002", "004"]
    fresh = lake.index(force=True)
    assert len(lake.place.hashed) == 3
    assert not fresh.changed  # reading all of it again tells the same


def test_a_file_with_another_version_and_the_same_bytes_leaves_the_index_as_it_is(
    lake: Lake,
) -> None:
    first = lake.index()
    lake.place.put(f"{HOUR}/img_001.jpg", b"image 1")
    second = lake.index()
    assert lake.place.hashed == [f"{HOUR}/img_001.jpg"]
    assert not second.changed
    assert second.index.index_sha256 == first.index.index_sha256
    lake.index()
    assert lake.place.hashed == []


@pytest.mark.requirement("S0-44")
def test_another_pattern_makes_ids_anew_and_reads_nothing(lake: Lake) -> None:
    lake.index()
    spec = lake.spec_with(pattern={"path": "%Y/%m/%d/%H/img_{n:d}.jpg", "file_id": "{n}"})
    done = lake.index(spec=spec)
    assert lake.place.hashed == []
    assert [row["file_id"] for row in lake.rows(done.index)] == ["001", "002", "003"]
    assert next(row["metadata"] for row in lake.rows(done.index)) == '{"n":"001"}'
    assert done.changed
    assert not lake.index(spec=spec).changed


def test_ids_stay_whatever_comes_beside_them(lake: Lake) -> None:
    before = {row["relative_path"]: row["file_id"] for row in lake.rows(lake.index().index)}
    for at in range(50):
        lake.place.put(f"{HOUR}/img_{at + 100}.jpg", b"%d" % at)
    after = {row["relative_path"]: row["file_id"] for row in lake.rows(lake.index().index)}
    assert before.items() <= after.items()
    assert len(set(after.values())) == 53


@pytest.mark.requirement("S0-44")
def test_two_files_with_one_id_are_refused_by_both_paths(lake: Lake) -> None:
    lake.index()
    lake.place.put(f"{HOUR}/img_001.png", b"twin")
    with pytest.raises(Rejected) as caught:
        lake.index()
    assert caught.value.code == "duplicate_file_id"
    assert caught.value.details["paths"] == [f"{HOUR}/img_001.jpg", f"{HOUR}/img_001.png"]
    assert all(path in caught.value.message for path in caught.value.details["paths"])


@pytest.mark.parametrize(
    "paths",
    [["../x"], ["/x"], ["a\\b"], ["a\0b"], ["a\nb"], ["IMG.jpg", "img.jpg"], ["é", "e\u0301"]],
)
def test_paths_that_no_file_may_have_are_refused_before_anything_is_read(
    lake: Lake, paths: list[str]
) -> None:
    before = lake.index().index
    for path in paths:
        lake.place.put(path, b"hostile")
    with pytest.raises(InvalidInput) as caught:
        lake.index()
    assert caught.value.code == "unsafe_path"
    assert lake.place.hashed == []
    pointer = keys.channel_pointer_key("image_original", lake.spec.version)
    assert read_channel_index(lake.store.get(pointer).data, "") == before


def test_a_file_that_cannot_be_read_keeps_the_index_as_it_was(lake: Lake) -> None:
    lake.index()
    lake.place.put(f"{HOUR}/img_004.jpg", b"new")
    lake.place.put(f"{HOUR}/img_005.jpg", b"denied")
    lake.place.denied.add(f"{HOUR}/img_005.jpg")
    with pytest.raises(Rejected) as caught:
        lake.index()
    assert caught.value.code == "unread_files"
    assert [one["path"] for one in caught.value.details["unread"]] == [f"{HOUR}/img_005.jpg"]
    assert "img_005.jpg" in caught.value.message
    # What was read is kept: once the file can be read, it alone is.
    lake.place.denied.clear()
    done = lake.index()
    assert lake.place.hashed == [f"{HOUR}/img_005.jpg"]
    assert done.index.total_files == 5
    assert lake.leftovers() == []


def test_a_spec_may_leave_out_what_cannot_be_read(lake: Lake) -> None:
    lake.place.denied.add(f"{HOUR}/img_002.jpg")
    spec = lake.spec_with(on_unread="leave_out")
    done = lake.index(spec=spec)
    assert [one.code for one in done.unread] == ["unreadable"]
    assert (done.described, done.index.total_files) == (2, 2)


def test_files_beside_the_pattern_keep_the_index_as_it_was_unless_they_are_ignored(
    lake: Lake,
) -> None:
    lake.place.put("README.md", b"about")
    pattern = {"path": "%Y/%m/%d/%H/*.jpg"}
    with pytest.raises(Rejected) as caught:
        lake.index(spec=lake.spec_with(pattern=pattern))
    assert caught.value.details["unread"][0]["code"] == "unmatched"
    assert lake.place.hashed == []  # refused before terabytes are read
    assert "`unmatched: ignore`" in (caught.value.hint or "")
    spec = lake.spec_with(pattern={**pattern, "unmatched": "ignore"})
    done = lake.index(spec=spec)
    assert (done.index.total_files, done.unread) == (3, ())
    lake.place.put(f"{HOUR}/img_009.jpg", b"9")
    lake.index(spec=spec)
    assert lake.place.hashed == [f"{HOUR}/img_009.jpg"]


def test_a_file_that_vanishes_while_it_is_indexed_is_left_out_and_told(lake: Lake) -> None:
    listing = lake.place.listing
    gone = f"{HOUR}/img_002.jpg"

    def listed_then_gone():  # type: ignore[no-untyped-def]
        found = listing()
        lake.place.remove(gone)
        return found

    lake.place.listing = listed_then_gone  # type: ignore[method-assign]
    done = lake.index()
    assert [(one.code, one.file.path) for one in done.unread] == [("vanished", gone)]
    assert done.index.total_files == 2
    lake.place.listing = listing  # type: ignore[method-assign]
    again = lake.index()
    assert (again.changed, lake.place.hashed) == (False, [])


def test_a_file_that_changes_while_it_is_read_is_read_once_more(lake: Lake) -> None:
    path, changes = f"{HOUR}/img_002.jpg", [b"second"]

    def change(reading: str) -> None:
        if reading == path and changes:
            lake.place.put(path, changes.pop())

    lake.place.while_reading = change
    done = lake.index()
    assert lake.place.hashed.count(path) == 2
    row = next(row for row in lake.rows(done.index) if row["relative_path"] == path)
    assert row["checksum"] == f"sha256:{hashlib.sha256(b'second').hexdigest()}"
    assert row["size_bytes"] == 6
    assert not lake.index().changed
    assert lake.place.hashed == []


def test_a_file_that_never_stands_still_is_not_indexed(lake: Lake) -> None:
    path = f"{HOUR}/img_002.jpg"
    lake.place.while_reading = lambda reading: lake.place.put(path, b"again")
    with pytest.raises(Rejected) as caught:
        lake.index()
    assert {one["code"] for one in caught.value.details["unread"]} == {"changed"}


def test_a_place_that_is_gone_is_not_an_empty_channel(lake: Lake) -> None:
    index = lake.index().index
    lake.place.exists = False
    with pytest.raises(NotFound):
        lake.index()
    pointer = keys.channel_pointer_key("image_original", lake.spec.version)
    assert read_channel_index(lake.store.get(pointer).data, "") == index


def test_lost_copies_are_made_again(lake: Lake) -> None:
    index = lake.index().index
    for name in ("index.parquet", "index.yaml"):
        lake.store.put(f"channels/image_original/v1.2.0/{name}", b"damaged")
        assert not lake.index().changed
        copy = lake.store.get("channels/image_original/v1.2.0/index.parquet").data
        assert hashlib.sha256(copy).hexdigest() == index.index_sha256
        assert b"image_original" in lake.store.get("channels/image_original/v1.2.0/index.yaml").data


def test_a_lost_or_damaged_state_costs_reading_and_nothing_else(lake: Lake) -> None:
    state = lake.index().index.state
    assert state is not None
    lake.store.put(state, b"damaged")
    lake.place.put("new.txt", b"new")
    done = lake.index()
    assert len(lake.place.hashed) == 4
    assert done.index.total_files == 4


def test_a_plan_tells_what_indexing_would_do_and_does_nothing(lake: Lake) -> None:
    first = plan_index(lake.ports, lake.spec)
    assert (first.files, first.new, first.read_bytes) == (3, 3, 21)
    assert list(lake.store.list("")) == []
    lake.index()
    unchanged = plan_index(lake.ports, lake.spec)
    assert (unchanged.files, unchanged.unchanged, unchanged.read_bytes) == (3, 3, 0)
    lake.place.put(f"{HOUR}/img_001.jpg", b"longer than before")
    lake.place.put("new.txt", b"new")
    lake.place.remove(f"{HOUR}/img_003.jpg")
    plan = plan_index(lake.ports, lake.spec)
    assert (plan.unchanged, plan.new, plan.changed, plan.removed) == (1, 1, 1, 1)
    assert plan.read_bytes == len(b"longer than before") + len(b"new")
    again = plan_index(lake.ports, lake.spec_with(pattern="**"))
    assert (again.described_anew, again.new, again.changed) == (1, 1, 1)


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.planned = (0, 0)
        self.done = [0, 0]

    def begin(self, files: int, size_bytes: int) -> None:
        """What there is to do."""
        self.planned = (files, size_bytes)

    def advance(self, files: int, size_bytes: int) -> None:
        """What was done."""
        self.done[0] += files
        self.done[1] += size_bytes


def test_progress_adds_up(lake: Lake) -> None:
    told = Told()
    lake.index(progress=told)
    assert told.planned == tuple(told.done) == (3, 21)


# --- two at once ------------------------------------------------------------------------------


def test_of_two_indexings_at_once_the_later_one_looks_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [lake.spec]

    def outrun(*asked: Any) -> ChannelIndex:
        if others:
            lake.place.put("late.txt", b"came meanwhile")
            index_channel(lake.ports, others.pop())
        return publish_index(*asked)

    monkeypatch.setattr(build_module, "publish_index", outrun)
    done = lake.index()
    assert (done.index.generation, done.changed) == (1, False)  # the other's index is the same
    assert {row["relative_path"] for row in lake.rows(done.index)} >= {"late.txt"}
    assert lake.place.hashed.count("late.txt") == 1


def test_whoever_loses_again_and_again_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    is_other = [False]

    def outrun(*asked: Any) -> ChannelIndex:
        if not is_other[0]:
            is_other[0] = True
            lake.place.put("late.txt", b"again")
            index_channel(lake.ports, lake.spec)
            lake.place.put("late.txt", b"and again")
            is_other[0] = False
        return publish_index(*asked)

    monkeypatch.setattr(build_module, "publish_index", outrun)
    with pytest.raises(Conflict) as caught:
        lake.index()
    assert caught.value.code == "lost_race"


@pytest.mark.parametrize("operation", ["put_new", "put_if_match"])
@pytest.mark.parametrize("after", [True, False])
def test_a_swap_whose_answer_is_lost_is_settled(
    tmp_path: Path, operation: str, after: bool
) -> None:
    lake = Lake(tmp_path)
    lake.place.put("a.txt", b"1")
    if operation == "put_if_match":
        lake.index()
        lake.place.put("b.txt", b"2")
    faulty = FaultyStore(lake.store, [Fault(operation, "channels/*/latest.json", after=after)])
    ports = dataclasses.replace(lake.ports, store=faulty)
    if after:
        assert index_channel(ports, lake.spec).changed
    else:
        with pytest.raises(Unavailable) as caught:
            index_channel(ports, lake.spec)
        assert caught.value.code == "outcome_unknown"
    assert lake.index().changed == (not after)


# --- interrupted ------------------------------------------------------------------------------


def test_an_interrupted_indexing_goes_on_where_it_was(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.adapters.indexing.local.CHUNK_FILES", 1)

    def interrupt(path: str) -> None:
        lake.clock.pass_by(seconds=11)
        if path.endswith("003.jpg"):
            raise KeyboardInterrupt

    lake.place.while_reading = interrupt
    with pytest.raises(KeyboardInterrupt):
        lake.index()
    assert lake.leftovers()
    lake.place.while_reading = lambda path: None
    done = lake.index()
    assert f"{HOUR}/img_001.jpg" not in lake.place.hashed
    assert f"{HOUR}/img_003.jpg" in lake.place.hashed
    assert (done.described, done.index.total_files) == (len(lake.place.hashed), 3)
    assert lake.leftovers() == []


def test_what_was_put_aside_is_not_used_for_other_bytes_or_another_pattern(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.place.denied.add(f"{HOUR}/img_003.jpg")
    with pytest.raises(Rejected):
        lake.index()
    assert lake.leftovers()
    lake.place.denied.clear()
    lake.place.put(f"{HOUR}/img_001.jpg", b"other bytes")
    spec = lake.spec_with(pattern={"path": "%Y/%m/%d/%H/{name_of_it}.jpg", "file_id": "{stem}"})
    done = lake.index(spec=spec)
    assert sorted(lake.place.hashed) == [f"{HOUR}/img_001.jpg", f"{HOUR}/img_003.jpg"]
    assert [row["file_id"] for row in lake.rows(done.index)] == ["img_001", "img_002", "img_003"]
    checksums = {row["file_id"]: row["checksum"] for row in lake.rows(done.index)}
    assert checksums["img_001"] == f"sha256:{hashlib.sha256(b'other bytes').hexdigest()}"


def test_a_damaged_segment_is_thrown_away(lake: Lake) -> None:
    prefix = keys.channel_progress_prefix("image_original", lake.spec.version)
    lake.store.put(f"{prefix}x-000000.parquet", b"cut short")
    assert lake.index().described == 3
    assert lake.leftovers() == []


def test_small_channels_put_nothing_aside(lake: Lake) -> None:
    store = FaultyStore(lake.store)
    index_channel(dataclasses.replace(lake.ports, store=store), lake.spec)
    assert store.count("put*", "channels/*") == 3  # the pointer and its two copies
    assert store.count("put*", "*/progress/*") == 0


@pytest.mark.parametrize("years", [-60, 60])
def test_a_clock_that_jumps_does_no_harm(
    lake: Lake, years: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.adapters.indexing.local.CHUNK_FILES", 1)
    lake.place.while_reading = lambda path: lake.clock.pass_by(days=365 * years / 4)
    done = lake.index()
    assert done.index.total_files == 3
    assert lake.leftovers() == []
    assert not lake.index().changed


# --- sidecars ----------------------------------------------------------------------------------


def test_sidecars_are_no_files_and_their_change_makes_the_row_anew(lake: Lake) -> None:
    lake.place.put(f"{HOUR}/img_001.json", b'{"weather": "sunny"}')
    lake.place.put(f"{HOUR}/orphan.json", b'{"weather": "rainy"}')
    spec = lake.spec_with(pattern={"sidecar": "{stem}.json"})
    first = lake.index(spec=spec)
    assert [row["metadata"] for row in lake.rows(first.index)] == [
        '{"weather":"sunny"}',
        "{}",
        "{}",
    ]
    lake.place.put(f"{HOUR}/img_001.json", b'{"weather": "cloudy"}')
    second = lake.index(spec=spec)
    assert lake.place.hashed == []
    assert second.changed
    assert next(row["metadata"] for row in lake.rows(second.index)) == '{"weather":"cloudy"}'
    lake.place.remove(f"{HOUR}/img_001.json")
    third = lake.index(spec=spec)
    assert [row["metadata"] for row in lake.rows(third.index)] == ["{}", "{}", "{}"]
    assert not lake.index(spec=spec).changed


def test_what_was_read_is_kept_where_ids_collide(lake: Lake) -> None:
    lake.place.put(f"{HOUR}/img_001.png", b"twin")
    with pytest.raises(Rejected):
        lake.index()
    done = lake.index(spec=lake.spec_with(pattern={"file_id": "{path}"}))
    assert lake.place.hashed == []
    assert (done.described, done.index.total_files) == (0, 4)
    assert lake.leftovers() == []
