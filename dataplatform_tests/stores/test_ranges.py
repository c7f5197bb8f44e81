"""Merging byte ranges into few requests and cutting them out again loses nothing."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from opendata.stores.ranges import Span, cut_ranges, merge_ranges

RANGES = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 100)), max_size=12)


def test_near_ranges_share_a_request_and_distant_ones_do_not() -> None:
    assert merge_ranges([(0, 10), (15, 5), (100, 1)], gap_bytes=5) == [Span(0, 20), Span(100, 101)]
    assert merge_ranges([(0, 10), (2, 3)], gap_bytes=0) == [Span(0, 10)]
    assert merge_ranges([(5, 0)]) == []


@given(RANGES, st.integers(0, 50))
def test_what_is_cut_out_is_what_was_asked(ranges: list[tuple[int, int]], gap: int) -> None:
    data = bytes(number % 251 for number in range(1_000))
    spans = merge_ranges(ranges, gap)
    fetched = [memoryview(data)[span.start : span.end] for span in spans]
    expected = [data[offset : offset + length] for offset, length in ranges]
    assert cut_ranges(ranges, spans, fetched) == expected
    assert all(later.start - sooner.end > gap for sooner, later in pairwise(spans))
