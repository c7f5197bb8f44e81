"""Signed addresses are secrets for as long as they are good."""

from __future__ import annotations

import logging
import socket
from datetime import datetime

import pytest

from opendata._index_client import links
from opendata._index_client.answers import Link, LinksAnswer
from opendata._index_client.links import LinkReader
from opendata.wire.errors import Unavailable

SECRET = "X-Amz-Signature=5ec2e7"


def test_no_log_and_no_error_names_a_signed_address(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """urllib3 tells of each attempt that failed, as a warning, with the whole address."""
    monkeypatch.setattr("urllib3.Retry.DEFAULT_BACKOFF_MAX", 0.0)
    monkeypatch.setattr(links.time, "sleep", lambda seconds: None)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    address = f"http://127.0.0.1:{port}/bucket/a.jpg?X-Amz-Expires=3600&{SECRET}"

    def ask(wanted: dict[str, datetime | None]) -> LinksAnswer:
        return LinksAnswer([Link(name, address) for name in wanted])

    reader = LinkReader("https://api.example.com", {"a": None}, ask)
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as refused:
        list(reader.stream("a"))
    assert "/bucket/a.jpg?…" in caplog.text, "it is told what is asked for again"
    assert SECRET not in caplog.text + str(refused.value)
