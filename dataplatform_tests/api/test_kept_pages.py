"""What is kept of encoded pages stays within its room."""

from __future__ import annotations

from dataplatform.api.endpoint import Binding, Selector
from dataplatform.api.kept_pages import (
    KEY_BYTES_MAX,
    PAGE_BYTES_MAX,
    PAGES_MAX,
    KeptPage,
    KeptPages,
    PageKey,
)


def page(size: int) -> KeptPage:
    return KeptPage(b"x" * size, [], b'"e"', Binding(Selector("a"), "0" * 64))


def key(number: int) -> PageKey:
    return (f"/{number}", b"", b"", b"")


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    pages = KeptPages(limit=100)
    for number in range(3):
        pages.put(key(number), page(40))
        pages.get(key(0))
    assert [pages.get(key(n)) is not None for n in range(3)] == [True, False, True]
    assert pages.size_bytes == 80


def test_a_page_that_is_put_again_counts_once() -> None:
    pages = KeptPages(limit=100)
    for _ in range(5):
        pages.put(key(1), page(60))
    assert (len(pages), pages.size_bytes) == (1, 60)
    pages.drop(key(1))
    assert (len(pages), pages.size_bytes) == (0, 0)


def test_what_is_too_large_is_not_kept() -> None:
    pages = KeptPages()
    pages.put(key(1), page(PAGE_BYTES_MAX + 1))
    assert len(pages) == 0


def test_keys_that_a_client_writes_take_no_more_room_than_pages() -> None:
    pages = KeptPages()
    pages.put(("/", b"", b"x" * KEY_BYTES_MAX, b""), page(10))
    assert len(pages) == 0
    for number in range(PAGES_MAX + 10):
        pages.put(key(number), page(1))
    assert len(pages) == pages.size_bytes == PAGES_MAX
    assert pages.get(key(9)) is None and pages.get(key(10)) is not None
