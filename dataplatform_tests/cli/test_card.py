"""The notebook card: complete, and harmless whatever strangers wrote into it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from dataplatform_tests.cli.test_filters import MANIFEST
from opendata import _card
from opendata._dataset import Dataset
from opendata.wire.chunks import ColumnStats
from opendata.wire.manifest import FieldEntry, FileEntry

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{x}}"


class Reader(HTMLParser):
    """Collects tags, attributes and text of a card."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shard(name: str, rows: int, nulls: int | None) -> FileEntry:
    stats = {"country": ColumnStats(null_count=nulls)} if nulls is not None else {}
    return FileEntry(
        name=name, path="p", sha256="0" * 64, size_bytes=1, row_count=rows, chunks="c",
        content_hash="h", min=f"{name}-01", max=f"{name}-28", stats=stats,
    )  # fmt: skip


def test_hostile_texts_stay_texts() -> None:
    hostile = msgspec.structs.replace(
        MANIFEST,
        schema=(FieldEntry(name=HOSTILE, type=HOSTILE, unit=HOSTILE, description=HOSTILE),),
    )
    info = {
        "title": HOSTILE,
        "description": HOSTILE,
        "license": HOSTILE,
        "topics": [HOSTILE],
        "source": {"provider": HOSTILE, "homepage": "javascript:alert(1)"},
        "updated_at": HOSTILE,
        "health": {"status": "failing", "last_failure": {"at": HOSTILE, "failure_class": HOSTILE}},
    }
    card = Reader(_card.dataset_card(info, hostile, readme=HOSTILE))
    assert card.tags <= {
        "div", "strong", "code", "p", "table", "thead", "tbody", "tr", "th", "td", "pre",
        "details", "summary",
    }  # fmt: skip
    assert {name for name, _ in card.attributes} == {"style"}
    assert card.text.count(HOSTILE) >= 12
    assert card.open == []


def test_only_web_addresses_become_links() -> None:
    info = {"source": {"provider": "ECB", "homepage": "https://ecb.example/'onload='x"}}
    card = Reader(_card.dataset_card(info, MANIFEST))
    assert ("href", "https://ecb.example/'onload='x") in card.attributes
    assert not any(name == "onload" for name, _ in card.attributes)


@pytest.mark.requirement("S1-11")
def test_the_card_tells_what_a_reader_has_to_know() -> None:
    release = msgspec.structs.replace(
        MANIFEST, files=(shard("2024-01", 10, 0), shard("2024-02", 30, 10)), row_count=40
    )
    info = {"title": "Places", "license": "MIT", "topics": ["a", "b"], "source": {"provider": "X"}}
    text = Reader(_card.dataset_card(info, release, readme="# Places")).text
    for told in ("Places", "me/places@1.0.0", "MIT", "a, b", "40", "2024-01-01 … 2024-02-28",
                 "country", "25.0 %", 'od.load("me/places")', "# Places", "sha256:"):  # fmt: skip
        assert told in text


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (None, ""),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (1e-9, "0.1 %"),
        (0.99999, "99.9 %"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_all(share: float | None, told: str) -> None:
    assert _card.percent(share) == told


def test_what_the_shards_do_not_tell_is_not_guessed() -> None:
    release = msgspec.structs.replace(
        MANIFEST, files=(shard("2024-01", 10, 5), shard("2024-02", 30, None)), row_count=40
    )
    assert _card.null_share(release, "country") is None


@pytest.mark.platform
def test_a_handle_shows_itself_as_a_card(rates: str, project: Path) -> None:
    card = Reader(Dataset(rates)._repr_html_())
    assert "What a euro cost." in card.text
    assert 'od.load("me/rates")' in card.text
    assert repr(Dataset(rates)) == "<Dataset me/rates@1.0.0: 3 rows>"
