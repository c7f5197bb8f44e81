"""What the API answers, checked: locks by their hash, rows by their columns and their paths.

Whoever stands between or behind an address decides what comes from it. So a lock has to be the one
that its hash and its digest say, and what comes as Arrow has to be an index's columns with paths
that stay in their folder; then it is as good as read from a store, but for the index's own digest,
which only who has the index can check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from opendata.reading.file_index.bundles import FoundBundle
from opendata.reading.file_index.paths import check_paths
from opendata.reading.file_index.schema import CHANNEL, INDEX_SCHEMA, STREAM_SCHEMA
from opendata.wire.bundle import parse_bundle_version, read_lock
from opendata.wire.codec import read_json, stored_canonical
from opendata.wire.digest import check_digest
from opendata.wire.errors import Corrupt, Unavailable

JSON: Final = "application/json"
ARROW: Final = "application/vnd.apache.arrow.stream"
UNKNOWN: Final = "unknown_answer"
CURSOR_FACT: Final = b"opendata.next_cursor"
"""In a schema's metadata: where the next page begins. In a batch's: where the next batch does."""


class BundleAnswer(msgspec.Struct):
    """What `GET /api/v1/bundles/{name}` answers; its `document` is for people."""

    bundle: msgspec.Raw
    lock_sha256: str


class Link(msgspec.Struct):
    """One file that may be fetched, and where."""

    file_id: str
    url: str


class LinksAnswer(msgspec.Struct):
    """What `…/download` answers."""

    files: list[Link]


def read_answer(kind: type[Any], data: bytes, url: str) -> Any:
    """JSON as what it should be.

    Raises:
        Unavailable: if it is something else.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unavailable(
            f"{url} does not answer as this API does: {error}",
            code=UNKNOWN,
            hint="is that the address of an OpenData API, of this version?",
        ) from error


def read_bundle_answer(data: bytes, url: str) -> FoundBundle:
    """A lock that is what its hash and its digest say.

    Raises:
        Corrupt: if it is not.
        Unavailable: if this is no answer about a bundle.
    """
    answer = read_answer(BundleAnswer, data, url)
    stored = stored_canonical(read_json(bytes(answer.bundle), url), url)
    check_digest(stored, answer.lock_sha256, f"the lock that {url} answers with")
    return FoundBundle(read_lock(stored, url), answer.lock_sha256)


def check_asked(
    found: FoundBundle,
    url: str,
    name: str,
    version: str | None,
    revision: int | None,
    type: str | None,
) -> FoundBundle:
    """The lock, if it is of the bundle that was asked for: another one may be as well signed.

    Raises:
        Corrupt: code `wrong_lock`, if it is another one.
    """
    lock = found.lock
    wanted = (
        name,
        lock.ref.version if version is None else parse_bundle_version(version),
        lock.revision if revision is None else revision,
        lock.type if type is None else type,
    )
    if (lock.name, lock.ref.version, lock.revision, lock.type) != wanted:
        asked = f"{name} {version}" if version else name
        raise Corrupt(
            f"{url} was asked for the bundle {asked} and answers with {lock.ref}, revision "
            f"{lock.revision}",
            code="wrong_lock",
            hint="do not use it: ask whoever runs that API",
        )
    return found


def check_page(table: pa.Table, cursor: str | None, limit: int, url: str) -> pa.Table:
    """The rows, if a page may be so: no more than were asked for, and some where more follow.

    Raises:
        Unavailable: code `unknown_answer`, else.
    """
    if table.num_rows > limit:
        raise _no_page(url, f"{table.num_rows:,} files, and {limit:,} were asked for")
    if cursor is not None and not table.num_rows:
        raise _no_page(url, "no file, and says that more follow")
    return table


def _no_page(url: str, why: str) -> Unavailable:
    return Unavailable(f"{url} does not answer as this API does: a page has {why}", code=UNKNOWN)


def read_page(data: bytes, url: str) -> tuple[pa.Table, str | None]:
    """Some files, and the cursor that goes on after them.

    Raises:
        Corrupt: if they have unsafe paths, or other columns than an index.
    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
            facts = stream.schema.metadata or {}
            table = stream.read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _not_arrow(url, error) from error
    return checked_files(table, url), cursor_of(facts)


def checked_files(table: pa.Table, url: str, *, named: bool = False) -> pa.Table:
    """The rows with exactly an index's columns; where they are `named`, `channel` before them,
    which is the same in all of them.

    Raises:
        Corrupt: as :func:`read_page`.
    """
    wanted = STREAM_SCHEMA if named else INDEX_SCHEMA
    found = [(one.name, one.type) for one in table.schema]
    if found != [(one.name, one.type) for one in wanted]:
        raise Corrupt(
            f"{url} answers with other columns than an index has: {', '.join(table.column_names)}",
            code=UNKNOWN,
        )
    try:
        table.validate(full=True)
    except (pa.ArrowException, ValueError) as error:
        raise _not_arrow(url, error) from error
    for field in wanted:
        if not field.nullable and table.column(field.name).null_count:
            raise Corrupt(f"{url} names a file without {field.name}", code=UNKNOWN)
    check_paths(table.column("relative_path"), url)
    if named and len(table.column(CHANNEL).unique()) > 1:
        raise Corrupt(f"{url} answers with files of several channels at once", code=UNKNOWN)
    return pa.Table.from_arrays(table.columns, schema=wanted)


def cursor_of(facts: Mapping[bytes, bytes] | None) -> str | None:
    """The cursor that stands in a batch's metadata."""
    cursor = (facts or {}).get(CURSOR_FACT)
    return cursor.decode(errors="replace") if cursor else None


def _not_arrow(url: str, error: Exception) -> Corrupt:
    return Corrupt(f"{url} answers with damaged Arrow: {error}", code="damaged_answer")
