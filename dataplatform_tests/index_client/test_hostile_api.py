"""What the client makes of an API that lies: each lie is told as one, none becomes an answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from dataplatform.bundles.countersign import countersign_lock
from dataplatform_tests.api.site import CHANNEL, NAME, VERSION, Site
from dataplatform_tests.bundles.drafts import NOW, draft, signed_bundle, signer
from dataplatform_tests.reading.file_index.lake import (
    locked,
    pictures,
    put_bundle,
    put_channel,
    table_of,
)
from opendata._index_client.http_source import HttpSource
from opendata._index_client.ports import Ask
from opendata._index_client.web import Answer, Fields, Web
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.schema import INDEX_SCHEMA, STREAM_SCHEMA
from opendata.reading.signature import Trusted
from opendata.reading.trust import TrustRoot
from opendata.wire.errors import Corrupt, Denied, NotFound, OpenDataError, Unavailable

FIRST, SECOND = signer(1), signer(2)


@dataclass
class LyingWeb:
    """An API in this process; `lies` change what it answers, `moved` where a path leads."""

    client: TestClient
    url: str = "https://api.example.com"
    moved: dict[str, str] = field(default_factory=dict)
    streamed: Callable[[], bytes] = bytes
    paged: Callable[[], bytes] | None = None

    def read(self, path: str, fields: Fields = (), **asked: Any) -> Answer:
        if path.endswith("/files") and self.paged is not None:
            return Answer(self.paged(), {})
        answer = self.client.get(self.moved.get(path, path), params=list(fields))
        if answer.status_code != 200:
            kind = NotFound if answer.status_code == 404 else Unavailable
            raise kind(answer.json()["message"])
        return Answer(answer.content, {})

    def open(self, path: str, fields: Fields = (), **asked: Any) -> Any:
        return Streamed(self.streamed())


class Streamed(io.BytesIO):
    headers: dict[str, str] = {}


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish({CHANNEL: pictures(20)})
    site.publish({"other": pictures(3)}, name="other_model")
    return site


@pytest.fixture
def web(site: Site) -> Iterator[LyingWeb]:
    with site.serving() as client:
        yield LyingWeb(client)


@pytest.fixture
def source(web: LyingWeb) -> HttpSource:
    return HttpSource(cast(Web, web))


def arrow(table: pa.Table, cursor: str | None = None) -> bytes:
    if cursor is not None:
        table = table.replace_schema_metadata({"opendata.next_cursor": cursor})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def named(*channels: str) -> pa.Table:
    """A file of each of these channels."""
    rows = table_of(pictures(len(channels)))
    columns = [pa.array(channels, pa.string()), *rows.columns]
    return pa.Table.from_arrays(columns, schema=STREAM_SCHEMA)


@pytest.mark.requirement("S0-62")
def test_a_lock_of_another_bundle_is_no_answer(
    site: Site, web: LyingWeb, source: HttpSource
) -> None:
    """It may be signed as well as the one that was asked for."""
    assert source.bundle(NAME, VERSION.removeprefix("v"), 1, "weekly").lock.name == NAME
    ours, theirs = f"/api/v1/bundles/{NAME}", "/api/v1/bundles/other_model"
    web.moved[ours] = theirs
    with pytest.raises(Corrupt) as refused:
        source.bundle(NAME, None, None, None)
    assert refused.value.code == "wrong_lock"
    web.moved.clear()
    put_bundle(site.store, [locked(put_channel(site.store, "x", pictures(1)))], name=NAME,
               version="v2.0.0", type="release")  # fmt: skip
    web.moved[ours] = f"{ours}?version=v2.0.0"
    web.read = lambda path, fields=(), **_: LyingWeb.read(web, path, ())  # type: ignore[method-assign]
    for asked in ((VERSION, None, None), (None, 2, None), (None, None, "weekly")):
        with pytest.raises(Corrupt):
            source.bundle(NAME, *asked)
    assert source.bundle(NAME, "2.0.0", 1, "release").lock.version == "v2.0.0"


@pytest.mark.parametrize(
    "page",
    [
        arrow(table_of(pictures(4))),
        arrow(INDEX_SCHEMA.empty_table(), "AAAA"),
        arrow(named("other")),
        arrow(INDEX_SCHEMA.empty_table().append_column("x", pa.array([], pa.int64()))),
        b"no arrow",
    ],
    ids=["more than asked", "more follow for ever", "a column more", "another", "none"],
)
def test_a_page_that_is_none_is_refused(web: LyingWeb, source: HttpSource, page: bytes) -> None:
    bundle = source.bundle(NAME, None, None, None)
    web.paged = lambda: page
    with pytest.raises((Unavailable, Corrupt)):
        source.page(Ask(bundle), limit=3, cursor=None)


@pytest.mark.parametrize(
    ("table", "channel"),
    [
        (named("nowhere"), None),
        (named("../../etc"), None),
        (named(CHANNEL, "other"), None),
        (table_of(pictures(2)), None),
        (named(CHANNEL), CHANNEL),
    ],
    ids=["an unknown channel", "a path", "two at once", "without names", "with names"],
)
def test_a_batch_is_of_one_channel_that_the_bundle_has(
    web: LyingWeb, source: HttpSource, table: pa.Table, channel: str | None
) -> None:
    bundle = source.bundle(NAME, None, None, None)
    web.streamed = lambda: arrow(table)
    with pytest.raises(OpenDataError) as refused:
        list(source.batches(Ask(bundle, channel), 10, None))
    assert isinstance(refused.value, Corrupt)


def test_further_signatures_count_through_an_api() -> None:
    site = Site()
    channel = locked(put_channel(site.store, CHANNEL, pictures(4)))
    lock = signed_bundle(site.store, draft([channel], version=VERSION), FIRST)
    both = FIRST.trust().with_key(SECOND.key_id, SECOND.trust().keys[SECOND.key_id])
    with site.serving() as client:
        source = HttpSource(cast(Web, LyingWeb(client)))
        found = source.bundle(NAME, VERSION, None, None)
        for trust in (SECOND.trust(), TrustRoot(both.keys, {}, 2)):
            with pytest.raises(Denied):
                verify_bundle(found.lock, trust, source.signatures)
        countersign_lock(site.store, lambda: NOW, SECOND, lock, vouch=True)
        for trust in (SECOND.trust(), TrustRoot(both.keys, {}, 2)):
            assert verify_bundle(found.lock, trust, source.signatures) is Trusted.SIGNATURE


def test_nothing_but_countersignatures_is_asked_for(source: HttpSource) -> None:
    for key in ("catalogue.json", "bundles/weekly/a-v1.0.0/latest.json", "bundles/weekly/a/signatures/x.y"):  # fmt: skip # noqa: E501
        with pytest.raises(NotFound):
            source.signatures.get(key)
