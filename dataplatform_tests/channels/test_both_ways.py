"""One law: a channel that is compared on disk becomes the same bytes as one compared in memory.

Lakes are hostile and change; limits are so small that every step on disk spills, merges and cuts.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dataplatform.channels.look import plan_index
from dataplatform.channels.ports import StoredFile
from dataplatform_tests.channels.lake import Lake
from opendata.wire.errors import OpenDataError

NAMES = st.sampled_from(
    [
        "a",
        "A",
        "b",
        "img_001",
        "img_002",
        "é",
        "e\u0301",
        "ß",
        "ss",
        "x-y",
        "日本",
        "\U0001f600",
        "z\n",
    ]
)
FOLDERS = st.sampled_from(
    ["", "0/", "2025/06/01/12/", "2025/06/01/13/", "a/", "a/b/", "b.jpg/", "é/"]
)
ENDINGS = st.sampled_from([".jpg", ".jpg", ".png", ".json", ""])
PATHS = st.builds(lambda *parts: "".join(parts), FOLDERS, NAMES, ENDINGS)
CONTENTS = st.sampled_from([b"", b"1", b"22", b'{"weather":"sunny"}', b"not json"])
PATTERNS = st.sampled_from(
    [
        {},
        {"sidecar": "{stem}.json"},
        {"sidecar": "/a/b.json", "file_id": "{path}"},
        {"sidecar": "{name}"},
        {"file_id": "{path}"},
        {"path": "**/{n}.{kind}", "unmatched": "ignore"},
        {"path": "**/{n}.{kind}", "file_id": "{n}"},
        {"path": "%Y/%m/%d/%H/{n}.jpg"},
    ]
)
STEPS = st.lists(
    st.tuples(
        st.dictionaries(PATHS, CONTENTS | st.none(), max_size=12),
        PATTERNS,
        st.sampled_from(["fail", "leave_out"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@contextmanager
def small_limits() -> Iterator[None]:
    """Every block, part, sort and row group is of a few rows."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "dataplatform.channels.spilled.streams.BLOCK_ROWS": 3,
            "dataplatform.channels.spilled.compare.BLOCK_ROWS": 3,
            "dataplatform.channels.spilled.sidecars.BLOCK_ROWS": 2,
            "dataplatform.channels.spilled.work.PART_FILES": 2,
            "dataplatform.channels.look.HANDED_FILES": 2,
            "dataplatform.adapters.arrange.runs.FAN_IN": 2,
            "dataplatform.adapters.index_files.parquet.INDEX_ROW_GROUP_ROWS": 5,
            "dataplatform.adapters.index_files.parquet.STATE_ROW_GROUP_ROWS": 4,
            "dataplatform.adapters.index_files.parquet.STATE_BATCH_ROWS": 2,
        }.items():
            patched.setattr(name, value)
        yield


def told(act: Callable[[], Any]) -> Any:
    """What it returns, or as what it fails."""
    try:
        return act()
    except OpenDataError as error:
        paths = error.details.get("paths")
        return type(error), error.code, error.message, error.details.get("unread"), paths


def published(lake: Lake, **options: Any) -> Any:
    """All that indexing says of itself, but for when and who."""
    done = lake.index(**options)
    index = done.index.to_json()
    for name in ("commit_id", "indexed_at"):
        index.pop(name)
    return index, done.changed, done.described, done.reused, done.removed, done.unread


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example([({"a/a.jpg": b"1", "a.jpg": b"1", "a": b"1", "a-b": b"1"}, {}, "fail", False)])
@example([({"0/a.jpg": b"1", "2025/06/01/12/b.jpg": b"2", "a.jpg": b"3"}, {}, "fail", False)])
@example([({"a\ud800": b"1"}, {}, "fail", False)])
@example([({"x/A.jpg": b"1", "x/a.jpg": b"1", "a/é": b"1", "a/e\u0301": b"1"}, {}, "fail", False)])
def test_a_lake_becomes_the_same_in_memory_and_on_disk(
    steps: list[tuple[dict[str, bytes | None], dict[str, str], str, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, small_limits():
        held = Lake(Path(folder, "held"))
        spilled = Lake(Path(folder, "spilled"), is_spilled=True, sort_bytes=1 << 10)
        for changes, pattern, on_unread, force in steps:
            for path, data in changes.items():
                for lake in (held, spilled):
                    if data is not None:
                        lake.place.put(path, data)
                    elif path in {one.path for one in lake.place.listing()}:
                        lake.place.remove(path)
            spec = held.spec_with(pattern=pattern, on_unread=on_unread)
            asked = partial(plan_index, spec=spec, force=force)
            assert told(partial(asked, held.ports)) == told(partial(asked, spilled.ports))
            done = partial(published, spec=spec, force=force)
            assert told(partial(done, held)) == told(partial(done, spilled))
            assert sorted(held.place.hashed) == sorted(spilled.place.hashed)
            assert len(held.leftovers()) == 0 or len(spilled.leftovers()) > 0
            assert list(Path(folder, "spilled", "spilled").glob("channel-*")) == []


def test_a_channel_is_compared_on_disk_from_a_number_of_files_on(tmp_path: Path) -> None:
    opened: list[int] = []
    lake = Lake(tmp_path)
    scratch = lake.ports.scratch
    assert scratch is not None

    def noted() -> Any:
        opened.append(1)
        return scratch()

    lake.ports = dataclasses.replace(lake.ports, scratch=noted, held_files=4)
    for at in range(4):
        lake.place.put(f"{at}.txt", b"%d" % at)
    assert lake.index().described == 4
    assert opened == []
    lake.place.put("5.txt", b"5")
    assert lake.index().described == 1
    assert opened == [1]
    assert not lake.index().changed
    for at in range(4):
        lake.place.remove(f"{at}.txt")
    done = lake.index()  # few files, and much that is known
    assert (done.removed, done.reused, opened) == (4, 1, [1, 1, 1])


def test_an_interrupted_indexing_goes_on_from_each_of_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.channels.spilled.work.PART_FILES", 2)
    lake = Lake(tmp_path, is_spilled=True)
    for at in range(7):
        lake.place.put(f"{at}.txt", b"%d" % at)

    def interrupt(path: str) -> None:
        if path == "5.txt":
            raise KeyboardInterrupt

    lake.place.while_reading = interrupt
    with pytest.raises(KeyboardInterrupt):
        lake.index()
    assert len(lake.leftovers()) == 2
    lake.place.while_reading = lambda path: None
    lake.place.put("1.txt", b"another")
    done = lake.index()
    assert sorted(lake.place.hashed) == ["1.txt", "4.txt", "5.txt", "6.txt"]
    assert (done.described, done.index.total_files) == (4, 7)
    assert lake.leftovers() == []


@pytest.mark.parametrize("held_files", [-1, 0, 2, 3, 5, 100])
def test_a_listing_that_begins_again_tells_each_file_once(tmp_path: Path, held_files: int) -> None:
    lake = Lake(tmp_path)
    lake.ports = dataclasses.replace(lake.ports, held_files=held_files)
    for at in range(6):
        lake.place.put(f"{at}.txt", b"%d" % at)

    def pieces() -> Iterator[list[StoredFile]]:
        found = [*lake.place.listing()]
        yield from (found[4:], [], found[:3], [], found[:2], found[2:])

    lake.place.pieces = pieces  # type: ignore[method-assign]
    assert lake.index().index.total_files == 6
    assert not lake.index().changed
