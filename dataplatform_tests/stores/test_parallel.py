"""Several requests at once: in order, so many at most, and no further after an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from opendata.stores.parallel import in_parallel


def test_answers_come_in_the_order_of_their_items() -> None:
    first_may_end = threading.Event()

    def ask(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(300)
        if item == 1:
            first_may_end.set()
        return item * 10

    assert list(in_parallel(ask, range(6), at_once=2)) == [0, 10, 20, 30, 40, 50]


def test_no_more_than_allowed_are_under_way() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def ask(item: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        with lock:
            now -= 1

    assert len(list(in_parallel(ask, range(200), at_once=3))) == 200
    assert most <= 3


def test_an_error_ends_it_and_items_that_were_not_begun_stay_untouched() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    def ask(item: int) -> int:
        return 10 // (item - 2)

    with pytest.raises(ZeroDivisionError):
        list(in_parallel(ask, items(), at_once=2))
    assert len(taken) < 10
