"""An index that a pointer names and that is not there is made again: nobody has to find out first.

A collection may remove an object at the very moment at which an indexing comes to need it once
more; a disk may lose one. What is asked for next finds it missing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.channels.look import plan_index
from dataplatform_tests.bundles.bench import Bench, bundle_text
from dataplatform_tests.channels.lake import Lake

pytestmark = pytest.mark.requirement("S0-41", "B2")


def test_a_lost_index_of_an_unchanged_channel_is_made_again_and_nothing_is_read(
    lake: Lake,
) -> None:
    first = lake.index().index
    data = lake.store.get(first.index).data
    lake.store.delete(first.index)
    plan_index(lake.ports, lake.spec)
    done = lake.index()
    assert lake.place.hashed == []
    assert (done.changed, done.index.index) == (False, first.index)
    assert lake.store.get(first.index).data == data
    assert done.index.generation == first.generation + 1
    again = lake.index().index
    assert again == done.index  # now it is unchanged


def test_an_index_that_was_cut_short_is_made_again(lake: Lake) -> None:
    first = lake.index().index
    data = lake.store.get(first.index).data
    lake.store.put(first.index, data[:-1])
    lake.index()
    assert lake.store.get(first.index).data == data


def test_a_channel_that_may_be_missing_is_not_left_out_because_its_index_is_lost(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.pictures("images", 4)
    bench.pictures("depth", 3)
    asked = (
        "  - {channel: images, version: '*'}\n  - {channel: depth, version: '*', required: false}\n"
    )
    bench.ask(bundle_text(asked), "images", "depth")
    before = bench.index().lock
    depth = before.channel("depth")
    assert depth is not None
    bench.store.delete(depth.index)
    bench.store.delete(depth.index_file)  # so that the copies are made again as well
    after = bench.index().lock
    assert (after.left_out, after.channels) == ((), before.channels)
    assert bench.store.stat(depth.index) is not None
