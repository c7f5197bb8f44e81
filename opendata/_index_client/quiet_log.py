"""Signed addresses, kept out of urllib3's log: it names what it asks for again.

A program that configured no logging has warnings printed, so that a server that is busy for a
moment would put an address that opens a file on somebody's terminal, or into a log that others
read. What follows a `?` is cut from every line; hosts and paths stay.
"""

from __future__ import annotations

import logging
import re
from typing import Final

_LOGS: Final = ("urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")
_QUERY: Final = re.compile(r"\?[^\s'\"()<>]+")


class _WithoutQueries(logging.Filter):
    """Lets every record pass, without the queries in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut what the record is filled with."""
        if isinstance(record.args, tuple):
            record.args = tuple(_cut(one) for one in record.args)
        return True


_FILTER: Final = _WithoutQueries()


def hide_queries() -> None:
    """Have urllib3 log addresses without their queries, in this process."""
    for name in _LOGS:
        logging.getLogger(name).addFilter(_FILTER)  # one that is there already is added once


def _cut(told: object) -> object:
    if isinstance(told, int | float):
        return told
    text = told if isinstance(told, str) else repr(told)
    cut = _QUERY.sub("?…", text)
    return told if cut == text else cut
