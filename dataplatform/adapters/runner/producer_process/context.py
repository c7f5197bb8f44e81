"""The one argument of `produce`: the asked interval, what is published already, fetch and log.

Here belongs what main.py may see and ask for. Everything behind it happens in the platform's
process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyarrow as pa

from .channel import Channel
from .sources import Response, source_error


class Release:
    """A published release, pinned for this run."""

    def __init__(self, channel: Channel, manifest: Mapping[str, Any], input_id: str | None) -> None:
        self.manifest = manifest
        self._channel = channel
        self._input_id = input_id
        self._paths: Sequence[str] | None = None

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole release, or some of its columns."""
        return pa.Table.from_batches(self.batches(columns))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The same a piece at a time, for what is larger than memory."""
        for file in self._files():
            names = file.schema_arrow.names
            missing = [name for name in columns or () if name not in names]
            if missing:
                raise KeyError(f"{self!r} has no column {missing[0]} (it has {', '.join(names)})")
            for group in range(file.num_row_groups):  # whose bytes are bounded; batches join them
                for batch in file.iter_batches(row_groups=[group], columns=columns):
                    ordered = batch if columns is None else batch.select(columns)
                    yield ordered.replace_schema_metadata(None)

    def _files(self) -> list[Any]:
        from pyarrow import parquet  # not needed by a producer that only fetches

        if self._paths is None:
            answer = self._channel.ask({"type": "files", "input": self._input_id})
            if "error" in answer:
                raise source_error(answer["error"])
            self._paths = answer["paths"]
        return [parquet.ParquetFile(path, memory_map=True) for path in self._paths]

    def __repr__(self) -> str:
        return f"<Release of {self._input_id or 'this data set'}>"


class Inputs(dict[str, Release]):
    """Pinned releases by id; only those that opendata.yaml declares."""

    def __missing__(self, name: str) -> Release:
        declared = ", ".join(self) or "none"
        raise KeyError(f"{name} is not among `inputs:` in opendata.yaml (declared: {declared})")


class Context:
    """What `produce(context)` gets."""

    def __init__(self, channel: Channel, job: Mapping[str, Any]) -> None:
        self.id: str = job["id"]
        self.start = _time(job["start"])
        self.end = _time(job["end"])
        manifest = job["previous"]
        self.previous = None if manifest is None else Release(channel, manifest, None)
        self.inputs: Mapping[str, Release] = Inputs(
            {name: Release(channel, pinned, name) for name, pinned in job["inputs"].items()}
        )
        self.log = _logger(channel)
        self._channel = channel

    def fetch(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        html: bool = False,
    ) -> Response:
        """Download `url`: retries, rate limits, mirror; its errors stand in `sources`."""
        question = {
            "type": "fetch",
            "url": with_params(url, params or {}),
            "headers": {str(name): str(value) for name, value in (headers or {}).items()},
            "html": html,
        }
        answer = self._channel.ask(question)
        if "error" in answer:
            raise source_error(answer["error"])
        return Response(answer)


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """The address with `params` added to its query; None leaves one out, a list repeats it."""
    given = {name: value for name, value in params.items() if value is not None}
    if not given:
        return url
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(given, doseq=True)]))
    return parts._replace(query=query).geturl()


class _ChannelHandler(logging.Handler):
    """Sends each record to the platform's log."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        if self._channel.is_ours:
            message = {"type": "log", "level": _level(record.levelno), "text": self.format(record)}
            self._channel.send(message)


def _logger(channel: Channel) -> logging.Logger:
    logger = logging.getLogger("producer")
    logger.handlers = [_ChannelHandler(channel)]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


def _level(number: int) -> str:
    for least, name in ((logging.ERROR, "error"), (logging.WARNING, "warning"), (20, "info")):
        if number >= least:
            return name
    return "debug"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
