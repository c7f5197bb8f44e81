"""One download over HTTP: patient with busy sources, short with wrong answers.

Here belong attempts, back-off and redirects. Which addresses may be reached stands in `guard`,
what is done with the bytes in `body`, what is said about a failure in `problems`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry, Timeout
from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError

from dataplatform.adapters.sources import problems
from dataplatform.adapters.sources.body import refuse_html, save_body, too_large
from dataplatform.adapters.sources.guard import check_address, guarded_pools, resolves_inside
from dataplatform.adapters.sources.pace import Pace, pause
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.errors import FailureClass

_CHUNK_BYTES = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class HttpSettings:
    """How patient and how polite downloads are."""

    attempts: int = 5
    backoff_seconds: float = 0.5
    connect_seconds: float = 10
    read_seconds: float = 60
    host_interval_seconds: float = 0.2
    max_redirects: int = 5
    max_bytes: int = 2 * 1024**3
    user_agent: str = "opendata-producer"


class HttpDownloads:
    """Downloads with retries; safe to share between runs and threads."""

    def __init__(self, settings: HttpSettings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._web = _Web(settings)
        self._retry = Retry(
            total=settings.attempts - 1, backoff_factor=settings.backoff_seconds, backoff_max=60
        )

    def download(
        self, request: SourceRequest, path: str, stopped: Callable[[], bool]
    ) -> SourceAnswer:
        """As `SourceFetcher.fetch`, for a live address."""
        attempt = _Attempt(self._settings, self._web, request, stopped)
        retry = self._retry.new()
        while True:
            problem: Exception
            try:
                return attempt.run(path, self._clock)
            except LocationValueError as error:
                raise problems.no_address(request, error) from error
            except (problems.Busy, HTTPError) as error:
                problem = error
            tried = len(retry.history) + 1
            try:
                retry = retry.increment("GET", request.public_url, error=problem)
            except MaxRetryError:
                raise problems.gave_up(request, problem, tried) from problem
            wait = max(retry.get_backoff_time(), getattr(problem, "retry_after_seconds", 0.0))
            if wait > attempt.seconds_left():
                raise problems.gave_up(request, problem, tried, wait) from problem
            pause(wait, stopped)


class _Web:
    """Connections: paced by host, guarded by address, through the machine's proxy if it has one."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._pace = Pace(settings.host_interval_seconds)
        self._outside = guarded_pools(inside_allowed=False)
        self._anywhere = guarded_pools(inside_allowed=True)
        self._proxies: dict[str, ProxyManager] = {}

    def ask(self, url: str, headers: Mapping[str, str], attempt: _Attempt) -> BaseHTTPResponse:
        """Send one request and return with the answer's head."""
        self._pace.wait_for_turn(urlsplit(url).netloc, attempt.stopped)
        left = max(attempt.seconds_left(), 0.01)
        timeout = Timeout(
            connect=min(self._settings.connect_seconds, left),
            read=min(self._settings.read_seconds, left),
        )
        return self._pools(url, attempt.inside_allowed).request(
            "GET",
            url,
            headers={"User-Agent": self._settings.user_agent, "Accept": "*/*", **headers},
            timeout=timeout,
            redirect=False,  # each hop is checked first
            retries=False,  # a body that breaks off is tried again too
            preload_content=False,
        )

    def _pools(self, url: str, inside_allowed: bool) -> PoolManager:
        parts = urlsplit(url)
        host = parts.hostname or ""
        check_address(host, host, inside_allowed=inside_allowed)
        proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
        if proxy is None:
            return self._anywhere if inside_allowed else self._outside
        return self._proxies.setdefault(proxy, ProxyManager(proxy))


class _Attempt:
    """One try after another of one request, within its time."""

    def __init__(
        self,
        settings: HttpSettings,
        web: _Web,
        request: SourceRequest,
        stopped: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._web = web
        self._request = request
        self._deadline = time.monotonic() + request.timeout_seconds
        self.stopped = stopped
        self.inside_allowed = resolves_inside(request.url)

    def seconds_left(self) -> float:
        return 0.0 if self.stopped() else self._deadline - time.monotonic()

    def run(self, path: str, clock: Callable[[], datetime]) -> SourceAnswer:
        """Follow redirects to an answer and save its body."""
        url, headers = self._request.url, dict(self._request.headers)
        for _ in range(self._settings.max_redirects + 1):
            response = self._web.ask(url, headers, self)
            try:
                if response.status not in _REDIRECTS or "location" not in response.headers:
                    return self._save(url, response, path, clock)
                target = urljoin(url, response.headers["location"])
            finally:
                response.close()
            self._check_redirect(url, target)
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers = {}  # they may carry a key, and this is somebody else
            url = target
        raise problems.wrong_redirect(
            self._request,
            f"redirects more than {self._settings.max_redirects} times",
            FailureClass.PARSE,
        )

    def _save(
        self, url: str, response: BaseHTTPResponse, path: str, clock: Callable[[], datetime]
    ) -> SourceAnswer:
        if not 200 <= response.status < 300:
            raise problems.wrong_status(self._request, response)
        limit, name = self._settings.max_bytes, self._request.public_url
        if (response.length_remaining or 0) > limit:
            raise too_large(name, limit)
        saved = save_body(self._chunks(response), path, limit_bytes=limit, name=name)
        refuse_html(self._request, response.headers.get("content-type"), saved.head)
        return SourceAnswer(
            url=url,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            path=path,
            sha256=saved.sha256,
            size_bytes=saved.size_bytes,
            fetched_at=clock(),
            mirrored=False,
        )

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        # read1 returns what has come, so a source that trickles is seen trickling.
        while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
            if self.seconds_left() <= 0:
                raise problems.too_slow(self._request)
            yield chunk

    def _check_redirect(self, url: str, target: str) -> None:
        old, new = urlsplit(url).scheme, urlsplit(target).scheme
        if new not in {"http", "https"} or (old, new) == ("https", "http"):
            raise problems.wrong_redirect(
                self._request, f"redirects from {old} to {new}", FailureClass.PERMISSION
            )
