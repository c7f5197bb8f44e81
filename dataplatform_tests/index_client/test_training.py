"""Files for training: shares are disjoint and complete, orders follow from the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.index_client.pictures import (
    IMAGES,
    NAME,
    OBJECTS,
    VERSION,
    Lake,
    content_of,
)
from opendata import DataIndexClient
from opendata._index_client import shuffling
from opendata._index_client.iterable import BundleIterable
from opendata._index_client.shuffling import Share
from opendata.wire.errors import Conflict, InvalidInput

pytestmark = pytest.mark.requirement("S0-86")


def ids(iterable: BundleIterable) -> list[str]:
    return [file.file_id for batch in iterable for file in batch]


@given(
    total=st.integers(0, 400),
    count=st.integers(1, 9),
    seed=st.one_of(st.none(), st.integers(0, 2**64 - 1)),
    epoch=st.integers(0, 3),
    block=st.integers(1, 50),
)
def test_shares_are_disjoint_and_all_together(
    total: int, count: int, seed: int | None, epoch: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffling, "BLOCK_FILES", block)
        shares = [Share(total, seed, epoch, index, count) for index in range(count)]
        seen = [np.concatenate([[], *share.windows()]).astype(int).tolist() for share in shares]
    assert sorted(number for one in seen for number in one) == list(range(total))
    assert [len(one) for one in seen] == [len(share) for share in shares]
    assert max(map(len, seen)) - min(map(len, seen)) <= 1
    if seed is None:
        assert [number for one in seen for number in one] == list(range(total))


@given(total=st.integers(1, 300), skip=st.integers(0, 320), seed=st.integers(0, 99))
def test_what_is_skipped_is_what_was_taken(total: int, skip: int, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffling, "BLOCK_FILES", 16)
        share = Share(total, seed, 1, 0, 1)
        whole = np.concatenate([*share.windows()]).tolist()
        rest = np.concatenate([[], *share.windows(skip)]).astype(int).tolist()
    assert rest == whole[skip:]


def test_an_order_is_the_same_on_every_machine() -> None:
    """Written down once: another NumPy, or another machine, has to give the same."""
    (window,) = Share(12, 7, 0, 0, 1).windows()
    assert window.tolist() == GOLDEN
    (other,) = Share(12, 7, 1, 0, 1).windows()
    assert other.tolist() != GOLDEN


GOLDEN = [9, 3, 10, 2, 11, 8, 5, 0, 7, 6, 4, 1]


def test_workers_see_every_file_once(client: DataIndexClient, lake: Lake) -> None:
    seen = [
        ids(
            client.iterate(
                NAME, VERSION, channel=IMAGES, shuffle_seed=3, shard=(at, 4), batch_size=9
            )
        )
        for at in range(4)
    ]
    flat = [name for one in seen for name in one]
    assert sorted(flat) == [row.file_id for row in lake.images]
    assert flat != sorted(flat)


def test_epochs_differ_and_come_back(client: DataIndexClient) -> None:
    iterable = client.iterate(NAME, VERSION, channel=IMAGES, shuffle_seed=3, batch_size=50)
    first = ids(iterable)
    assert ids(iterable) == first
    iterable.set_epoch(1)
    assert ids(iterable) != first
    iterable.set_epoch(0)
    assert ids(iterable) == first
    assert (len(iterable), iterable.files) == (6, 255)


@pytest.mark.parametrize("metadata", [None, {"camera_id": "rear"}])
@pytest.mark.parametrize("seed", [None, 11])
def test_it_goes_on_where_it_stopped(
    client: DataIndexClient, seed: int | None, metadata: dict[str, object] | None
) -> None:
    def again() -> BundleIterable:
        return client.iterate(
            NAME, VERSION, channel=IMAGES, shuffle_seed=seed, batch_size=32, metadata=metadata
        )

    whole = ids(again())
    begun = again()
    batches = iter(begun)
    seen = [file.file_id for _ in range(2) for file in next(batches)]
    resumed = again()
    resumed.load_state_dict(begun.state_dict())
    assert seen + ids(resumed) == whole


def test_a_state_of_something_else_is_refused(client: DataIndexClient) -> None:
    state = client.iterate(NAME, VERSION, channel=IMAGES, shuffle_seed=3).state_dict()
    with pytest.raises(Conflict, match="another seed"):
        client.iterate(NAME, VERSION, channel=IMAGES, shuffle_seed=4).load_state_dict(state)
    with pytest.raises(Conflict, match="another channel"):
        client.iterate(NAME, VERSION, channel=OBJECTS, shuffle_seed=3).load_state_dict(state)
    with pytest.raises(InvalidInput):
        client.iterate(NAME, VERSION, channel=OBJECTS).load_state_dict({"epoch": 1})


def test_bytes_come_verified_with_their_files(client: DataIndexClient) -> None:
    count = 0
    for batch in client.iterate(NAME, VERSION, channel=OBJECTS, batch_size=25, with_bytes=True):
        for file in batch:
            assert file.content == content_of(file.file_id)
            count += 1
    assert count == 60


def test_a_share_that_is_none_is_refused(client: DataIndexClient) -> None:
    with pytest.raises(InvalidInput, match="no share"):
        client.iterate(NAME, VERSION, channel=IMAGES, shard=(2, 2))
