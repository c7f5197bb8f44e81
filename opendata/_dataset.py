"""The handle of one data set: what `od.load` and `od.dataset` stand on.

Arrow loads when rows or types are asked for; what is known of a data set is shown without it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from opendata._settings import Settings
from opendata._standing import freeze_facts, warn_if_yanked
from opendata.reading.catalogue import explain_unknown, id_hint
from opendata.reading.listing import ReleaseInfo, list_releases
from opendata.reading.offline import RememberingReader
from opendata.reading.resolve import Release, resolve
from opendata.reading.signature import verify_release
from opendata.reading.stats import ReadStats
from opendata.wire.errors import InvalidInput, NotFound, OpenDataError
from opendata.wire.ids import Reference, parse_reference

if TYPE_CHECKING:
    import pyarrow as pa

    from opendata.reading.frames import Format
    from opendata.reading.query import Moment
    from opendata.reading.shard import Access
    from opendata.wire.compatibility import Cell, Verdict
    from opendata.wire.manifest import Manifest


class Dataset:
    """A published data set, pinned or following its latest release.

    The release is resolved on first use and then stays, so that two reads through one handle see
    the same data. `stats` tells what the last read cost.
    """

    def __init__(self, reference: str, settings: Settings | None = None) -> None:
        self._settings = settings or Settings.from_environment()
        self.reference: Reference = self._parsed(reference)
        self.stats = ReadStats()
        self._cache = self._settings.cache()
        self._reader = RememberingReader(self._settings.reader(), self._cache)
        self._release: Release | None = None

    @property
    def release(self) -> Release:
        """The release that this handle reads.

        Raises:
            NotFound: if it does not exist, with did-you-mean.
            Corrupt, Denied: if its manifest is damaged or its signature does not hold.
        """
        if self._release is None:
            trust = self._settings.trust()
            try:
                # A signature is over the body's hash; without one the pointer's digest is enough.
                release = resolve(self._reader, self.reference, check_body=trust is not None)
            except NotFound as error:
                raise self._explained(error) from error
            self._verified = verify_release(release.manifest, trust, self._reader)
            self._release = release
            if self.reference.version is not None:
                warn_if_yanked(self._reader, release, trust)
        return self._release

    @property
    def info(self) -> dict[str, Any]:
        """Title, licence, source, coverage, columns and health, as `metadata.json` has them, and
        under `freeze` how the release stands now."""
        from opendata.reading.listing import read_info

        release = self.release
        return {
            **read_info(self._reader, release),
            "freeze": freeze_facts(self._reader, release.manifest),
        }

    @property
    def releases(self) -> list[ReleaseInfo]:
        """All releases, newest first."""
        try:
            return list_releases(self._reader, self.reference.id)
        except NotFound as error:
            raise self._explained(error) from error

    @property
    def preview(self) -> dict[str, Any]:
        """The first rows as stored with the release: `{"columns": […], "rows": [[…], …]}`."""
        from opendata.reading.listing import read_preview

        return read_preview(self._reader, self.release)

    @property
    def readme(self) -> str | None:
        """The release's README, if it has one."""
        from opendata.reading.listing import read_readme

        return read_readme(self._reader, self.release)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the release."""
        from opendata.reading.release_schema import release_schema

        return release_schema(self.release.manifest)

    def known_to(self, reader: str) -> Manifest:
        """The newest release whose schema version a reader knows.

        Args:
            reader: Such as `"1.3"`, which is the newest 1.3.x, or `"1.3.0"`.

        Raises:
            Rejected: if no release ever had that schema version.
            Denied: if a trust root is configured and its signature does not hold.
        """
        from opendata.reading.lineage import reader_release

        return reader_release(self._reader, self.release, reader, self._settings.trust())

    def compatibility(self, reader: str) -> Verdict:
        """Whether a reader of a schema version can read this release, why, and by which adapters.

        Raises as :meth:`known_to`, which takes the same.
        """
        from opendata.wire.compatibility import judge

        return judge(self.known_to(reader), self.release.manifest)

    def matrix(self, reader: str | None = None) -> list[Cell]:
        """Every reader's verdict on every schema version, or one reader's on this release.

        Raises as :meth:`known_to`.
        """
        from opendata.reading.matrix import judged, read_compatibility

        if reader is not None:
            return [judged(self.known_to(reader), self.release.manifest)]
        return read_compatibility(self._reader, self.release)

    @property
    def quarantined_rows(self) -> int:
        """How many rows the release's rules took out of it."""
        aside = self.release.manifest.quarantined
        return aside.file.row_count if aside else 0

    @property
    def quarantine(self) -> pa.Table:
        """The rows that rules took out, with `#rule` and `#reason`; verified as all rows are."""
        import pyarrow as pa

        return pa.Table.from_batches(self.quarantine_batches(), self.quarantine_schema)

    @property
    def quarantine_schema(self) -> pa.Schema:
        """The columns of `quarantine`."""
        from opendata.reading.quarantine import quarantine_manifest
        from opendata.reading.release_schema import release_schema

        return release_schema(quarantine_manifest(self.release.manifest))

    def quarantine_batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The same rows in Arrow batches, a few row groups in memory at a time."""
        from opendata.reading.quarantine import quarantine_manifest
        from opendata.reading.table import read_batches

        yield from read_batches(self._access(), quarantine_manifest(self.release.manifest))
        self._note_outcome()

    def load(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        columns: Sequence[str] | None = None,
        filters: Iterable[Any] | None = None,
        partition: str | None = None,
        reader: str | None = None,
        format: Format = "pandas",
    ) -> Any:
        """The rows asked for as a frame; see :func:`opendata.load`."""
        from opendata.reading.frames import check_format, read_frame

        check_format(format)
        frame = read_frame(
            self._access(),
            self.release.manifest,
            format,
            reader=self.known_to(reader) if reader is not None else None,
            columns=columns,
            start=start,
            end=end,
            filters=filters,
            partition=partition,
        )
        self._note_outcome()
        return frame

    def batches(
        self,
        *,
        batch_size: int | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        columns: Sequence[str] | None = None,
        filters: Iterable[Any] | None = None,
        partition: str | None = None,
        reader: str | None = None,
    ) -> Generator[pa.RecordBatch, None, None]:
        """The rows asked for in Arrow batches, with a few row groups in memory at a time.

        A batch has `batch_size` rows, the last one fewer. Without it, it has 65,536 rows, or fewer
        where those would take more than 32 MiB.

        The more batches are taken, the more is read ahead; closing the generator ends that.
        `stats` is complete when the last batch was taken, or the generator was closed.
        """
        from opendata.reading.table import read_batches

        manifest = self.release.manifest
        known = self.known_to(reader) if reader is not None else None
        access, started = self._access(), time.perf_counter()
        try:
            yield from read_batches(
                access,
                manifest,
                batch_size=batch_size,
                reader=known,
                columns=columns,
                start=start,
                end=end,
                filters=filters,
                partition=partition,
            )
        finally:
            access.stats.seconds = time.perf_counter() - started
            self._note_outcome()

    def _parsed(self, reference: str) -> Reference:
        try:
            return parse_reference(reference)
        except InvalidInput as error:
            if isinstance(reference, str) and "/" not in reference:
                error.hint = self._meant(reference) or error.hint
            raise

    def _meant(self, typed: str) -> str | None:
        try:
            return id_hint(self._settings.reader(), typed)
        except OpenDataError:
            return None  # the wrong id is the error to show; this was only help

    def _explained(self, error: NotFound) -> NotFound:
        return explain_unknown(self._settings.reader(), self.reference.id, error)

    def _access(self) -> Access:
        from opendata.reading.shard import Access

        self.stats = ReadStats()
        return Access(self._reader, self._cache, self.stats)

    def _note_outcome(self) -> None:
        self.stats.verified = str(self._verified)
        self.stats.offline = self._reader.offline

    def __repr__(self) -> str:
        manifest = self.release.manifest
        return f"<Dataset {manifest.id}@{manifest.release}: {manifest.row_count:,} rows>"

    def _repr_html_(self) -> str:
        from opendata._card import dataset_card

        return dataset_card(self.info, self.release.manifest, self.readme)
