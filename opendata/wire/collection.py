"""What garbage collection stores: marks, journals and the records of what was removed.

Here belong the values; when an object may go is decided by the platform (`releases/collect*`). All
of them lie below `gc/`, whose documents name objects without keeping them.
"""

from __future__ import annotations

from opendata.wire.codec import Wire, decoder_of

MARK_FORMAT = "opendata-collection-mark/1"
JOURNAL_FORMAT = "opendata-collection-journal/1"
RECORD_FORMAT = "opendata-collection-record/1"
OBJECTS_MAX = 100_000
"""How many objects one mark names at most, so that a document stays one; the next names more."""


class UnnamedObject(Wire):
    """An object that nothing named: bare digest, bytes, and when it was written or refreshed."""

    digest: str
    size_bytes: int
    modified_at: str


class CollectionMark(Wire):
    """What was named by nobody at one time; `objects` are at most `OBJECTS_MAX`.

    `manifests` counts the frozen manifests by data set: they are never removed, so a later listing
    with fewer of them is not complete. `left_out` were as many more.
    """

    id: str
    at: str
    manifests: dict[str, int]
    objects: tuple[UnnamedObject, ...]
    left_out: int = 0
    format: str = MARK_FORMAT


class CollectionJournal(Wire):
    """What is about to be removed. As long as it is there, whoever needs one of these waits."""

    id: str
    at: str
    mark: str
    objects: tuple[UnnamedObject, ...]
    format: str = JOURNAL_FORMAT


class CollectionRecord(Wire):
    """What one collection removed. `kept` counts those that turned out to be needed after all."""

    id: str
    at: str
    mark: str
    removed: tuple[UnnamedObject, ...]
    kept: int = 0
    format: str = RECORD_FORMAT


for _kind in (CollectionMark, CollectionJournal, CollectionRecord):
    decoder_of(_kind)
