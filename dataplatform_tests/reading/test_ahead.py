"""Work ahead: results in order, a bounded window, and an end whatever ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from opendata.reading.ahead import give_way, in_order, worker_count
from opendata.wire.errors import Corrupt


def test_results_come_in_the_order_of_their_tasks() -> None:
    second_is_done = threading.Event()

    def first() -> str:
        assert second_is_done.wait(300)
        return "first"

    def second() -> str:
        second_is_done.set()
        return "second"

    assert list(in_order([first, second], workers=2)) == ["first", "second"]


def test_no_more_than_the_window_is_begun_before_a_result_is_taken() -> None:
    begun: list[int] = []
    tasks = (partial(begun.append, at) for at in range(100))
    with closing(in_order(tasks, workers=3)) as results:
        next(results)
        assert len(begun) <= 4
        next(results)
        assert len(begun) <= 5


def test_without_haste_the_first_result_is_worked_for_alone() -> None:
    handed_out: list[int] = []

    def tasks() -> object:
        for at in range(100):
            handed_out.append(at)
            yield lambda: None

    with closing(in_order(tasks(), workers=3, eager=False)) as results:  # type: ignore[arg-type]
        counts = [(next(results), len(handed_out))[1] for _ in range(6)]
    assert counts == [1, 3, 5, 7, 8, 9]


def test_a_failure_is_raised_as_itself_where_its_result_would_be() -> None:
    failure = Corrupt("damaged")

    def fail() -> int:
        raise failure

    tasks: list[Callable[[], int]] = [lambda: 1, fail, lambda: 3]
    results = in_order(tasks, workers=2)
    assert next(results) == 1
    with pytest.raises(Corrupt) as raised:
        next(results)
    assert raised.value is failure
    assert list(results) == []


@pytest.mark.parametrize("ending", [GeneratorExit, KeyboardInterrupt, RuntimeError])
def test_however_it_ends_no_thread_is_left_and_no_task_begins(ending: type[BaseException]) -> None:
    begun: list[int] = []
    results = in_order((partial(begun.append, at) for at in range(1000)), workers=2)
    next(results)
    if ending is GeneratorExit:
        results.close()
    else:
        with pytest.raises(ending):
            results.throw(ending())
    assert len(begun) <= 4
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith("opendata-read") for name in names)


def test_a_long_task_ends_when_its_read_does() -> None:
    begun = threading.Event()

    def forever() -> None:
        begun.set()
        while True:
            give_way()

    results = in_order([lambda: None, forever], workers=2)
    next(results)
    assert begun.wait(300)
    results.close()  # would never return
    give_way()  # means nothing outside of a task


def test_a_remote_store_is_asked_by_more_than_one_even_on_one_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert worker_count(remote=True) == 4
    assert worker_count(remote=False) == 2
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert worker_count(remote=True) == worker_count(remote=False) == 8
