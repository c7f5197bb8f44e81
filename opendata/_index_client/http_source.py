"""Bundles and their files through the API.

A stream that breaks off is taken up again where it was, of the same revision, so that whoever reads
it sees each file once. Locks are checked as from a store (see `answers`), files when they are
fetched.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Final, cast

import pyarrow as pa
import urllib3
from urllib3.exceptions import HTTPError

from opendata._index_client.answers import (
    ARROW,
    UNKNOWN,
    check_asked,
    check_page,
    checked_files,
    cursor_of,
    read_answer,
    read_bundle_answer,
    read_page,
)
from opendata._index_client.links import LinkedFiles
from opendata._index_client.ports import Ask, FilePlace, Page, SourceBatch
from opendata._index_client.web import Fields, Web, segment, unreachable
from opendata.reading.file_index.bundles import FoundBundle
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.schema import CHANNEL
from opendata.stores.port import Blob
from opendata.stores.ranges import check_small
from opendata.wire import keys
from opendata.wire.bundle import BundleCatalogue, BundleEntry, parse_bundle_ref
from opendata.wire.errors import Conflict, Corrupt, NotFound
from opendata.wire.times import format_instant

BUNDLES: Final = "/api/v1/bundles"
PAGE_FILES: Final = 10_000
READ_BYTES: Final = 1 << 20
RESUMES_MAX: Final = 5
"""So often a stream is taken up again without having brought anything new."""


class HttpSource:
    """Reads what an API serves."""

    def __init__(self, web: Web) -> None:
        self._web = web

    @property
    def signatures(self) -> ApiSignatures:
        """The API, which hands out what lies beside a lock."""
        return ApiSignatures(self._web)

    @property
    def url(self) -> str:
        """The API's address."""
        return self._web.url

    def bundles(self) -> Sequence[BundleEntry]:
        """Every bundle that the token may see."""
        answer = self._web.read(BUNDLES)
        catalogue = read_answer(BundleCatalogue, answer.data, self.url)
        return cast(BundleCatalogue, catalogue).bundles

    def bundle(
        self, name: str, version: str | None, revision: int | None, type: str | None
    ) -> FoundBundle:
        """The lock that is meant now, checked."""
        fields = [("version", version), ("revision", revision), ("type", type)]
        asked = [(field, str(value)) for field, value in fields if value is not None]
        answer = self._web.read(f"{BUNDLES}/{segment(name)}", asked)
        found = read_bundle_answer(answer.data, self.url)
        return check_asked(found, self.url, name, version, revision, type)

    def page(self, ask: Ask, *, limit: int | None, cursor: str | None) -> Page:
        """At most `limit` files, and at most as many as the API gives at once."""
        channel = choose_channel(ask.bundle.lock, ask.channel).channel
        size = PAGE_FILES if limit is None else min(limit, PAGE_FILES)
        fields = [*_fields(ask, channel, cursor), ("limit", str(size)), ("format", "arrow")]
        answer = self._web.read(f"{_path(ask.bundle)}/files", fields, accept=ARROW)
        files, cursor = read_page(answer.data, self.url)
        return Page(check_page(files, cursor, size, self.url), cursor)

    def batches(
        self, ask: Ask, batch_size: int, cursor: str | None
    ) -> Generator[SourceBatch, None, None]:
        """All files in batches; taken up again where a connection broke off."""
        taken = failures = 0
        while True:
            skipped = taken
            try:
                with closing(self._stream(ask, batch_size, cursor)) as stream:
                    for batch in stream:
                        if skipped:  # seen before the connection broke off
                            skipped -= 1
                            continue
                        failures = 0
                        taken += 1
                        if batch.cursor is not None:
                            cursor, taken = batch.cursor, 0
                        yield batch
                return
            except (HTTPError, OSError, pa.ArrowInvalid) as error:
                failures += 1
                if failures > RESUMES_MAX:
                    raise unreachable(self.url, error) from error

    def files_of(self, bundle: FoundBundle, channel: str) -> FilePlace:
        """The links that the API gives out."""
        return LinkedFiles(self._web, f"{_path(bundle)}/download", _pinned(bundle), channel)

    def close(self) -> None:
        """Let go of connections."""
        self._web.close()

    def _stream(
        self, ask: Ask, batch_size: int, cursor: str | None
    ) -> Generator[SourceBatch, None, None]:
        """One answer's batches."""
        fields = [*_fields(ask, ask.channel, cursor), ("batch_size", str(batch_size))]
        response = self._web.open(f"{_path(ask.bundle)}/stream", fields, accept=ARROW)
        try:
            _check_lock(response, ask.bundle, self.url)
            yield from self._batches_of(response, ask)
        finally:
            response.close()

    def _batches_of(self, response: urllib3.BaseHTTPResponse, ask: Ask) -> Iterator[SourceBatch]:
        source = pa.PythonFile(io.BufferedReader(cast(io.RawIOBase, response), READ_BYTES), "r")
        stream = pa.ipc.open_stream(source)
        named = ask.channel and choose_channel(ask.bundle.lock, ask.channel).channel
        while True:
            try:
                batch, facts = stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            if not batch.num_rows:
                continue
            table = checked_files(
                pa.Table.from_batches([batch]), self.url, named=ask.channel is None
            )
            channel = named or _channel_of(table, ask.bundle, self.url)
            (files,) = table.to_batches()
            yield SourceBatch(files, channel, cursor_of(facts))


class ApiSignatures:
    """Countersignatures as the API hands them out; who asks checks them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """A countersignature by its key in a store.

        Raises:
            NotFound: if there is none, or for any other key.
            Denied, Unavailable: as the API says.
        """
        named = keys.bundle_of_countersignature_key(key)
        if named is None:
            raise NotFound(f"{key} is no countersignature of a bundle", code="no_object")
        ref, revision = parse_bundle_ref(named[0]), str(named[1])
        fields = [("version", str(ref.version)), ("revision", revision), ("type", ref.type)]
        path = f"{BUNDLES}/{segment(ref.name)}/signatures/{segment(named[2])}"
        data = self._web.read(path, fields).data
        check_small(len(data), max_bytes, key)
        return Blob(data, "")


def _channel_of(table: pa.Table, bundle: FoundBundle, url: str) -> str:
    """Which of the bundle's channels the rows say that they are of."""
    told = str(table.column(CHANNEL)[0].as_py())
    if told not in {one.channel for one in bundle.lock.channels}:
        raise Corrupt(f"{url} answers with files of {told!r}, which the bundle does not have",
                      code=UNKNOWN)  # fmt: skip
    return told


def _path(bundle: FoundBundle) -> str:
    return f"{BUNDLES}/{segment(bundle.lock.name)}"


def _pinned(bundle: FoundBundle) -> list[tuple[str, str]]:
    """What names exactly this lock."""
    lock = bundle.lock
    return [("version", lock.version), ("revision", str(lock.revision)), ("type", lock.type)]


def _fields(ask: Ask, channel: str | None, cursor: str | None) -> Fields:
    fields = _pinned(ask.bundle)
    if channel is not None:
        fields.append(("channel", channel))
    if ask.query.start is not None:
        fields.append(("start_time", format_instant(ask.query.start)))
    if ask.query.end is not None:
        fields.append(("end_time", format_instant(ask.query.end)))
    fields += [("metadata", f"{name}={value}") for name, value in ask.query.metadata.items()]
    if cursor is not None:
        fields.append(("cursor", cursor))
    return fields


def _check_lock(response: urllib3.BaseHTTPResponse, bundle: FoundBundle, url: str) -> None:
    """Two revisions are never mixed, whatever the server does."""
    told = response.headers.get("x-lock-sha256")
    if told is not None and told != bundle.lock_sha256:
        raise Conflict(
            f"{url} answers about another revision of {bundle.lock.name} {bundle.lock.version}",
            code="stale_cursor",
            hint="get the bundle again, and begin without a cursor",
        )
