"""The fetcher that the platform uses: one decision, live source or mirror, for every request.

Here belongs that choice alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dataplatform.adapters.sources import mirror, problems
from dataplatform.adapters.sources.http import HttpDownloads, HttpSettings
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.datasets.mirror import mirror_path
from opendata.wire.errors import InvalidInput


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WebSources:
    """Fetches over HTTP and HTTPS, or from the request's mirror; safe to share between runs."""

    def __init__(
        self, settings: HttpSettings | None = None, *, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._settings = settings or HttpSettings()
        self._clock = clock
        self._downloads = HttpDownloads(self._settings, clock)

    def fetch(
        self, request: SourceRequest, path: str, stopped: Callable[[], bool] = lambda: False
    ) -> SourceAnswer:
        """As `SourceFetcher.fetch`. A mirror never falls through to the live source."""
        try:
            # What a mirror could not answer is not asked live either, so a run can be repeated.
            mirror_path(request.public_url)
        except InvalidInput as error:
            raise problems.no_address(request, error) from error
        if request.mirror is None:
            return self._downloads.download(request, path, stopped)
        if request.mirror.startswith(("http://", "https://")):
            return mirror.from_url(request.mirror, request, path, self._downloads, stopped)
        return mirror.from_folder(
            request.mirror,
            request,
            path,
            limit_bytes=self._settings.max_bytes,
            clock=self._clock,
        )
