"""What a notebook shows for a bundle and for a list of files.

All texts in it were written by others, so all are escaped; no script, no outside address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from opendata.wire.bundle import BundleLock
from opendata.wire.words import counted, human_bytes

SHOWN_FILES: Final = 10
_STYLE: Final = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:12px 16px;max-width:60em;"
    "font-family:system-ui,sans-serif;font-size:14px;line-height:1.45"
)
_CELL: Final = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"


def bundle_card(lock: BundleLock) -> str:
    """A bundle's facts and its channels."""
    facts = [
        counted(lock.total_files, "file"),
        human_bytes(lock.total_bytes),
        f"locked {lock.created_at[:16].replace('T', ' ')}",
        f"revision {lock.revision}",
        f"spec {lock.spec.repo}@{(lock.spec.commit or 'no commit')[:9]}",
    ]
    rows = [
        (
            one.channel,
            one.version,
            f"{one.data_range.start_time or '…'} – {one.data_range.end_time or '…'}",
            f"{one.file_count:,}",
            human_bytes(one.total_bytes),
        )
        for one in lock.channels
    ]
    rows += [(one.channel, "left out", one.reason, "", "") for one in lock.left_out]
    title = f"<strong>{escape(lock.name)}</strong> <code>{escape(lock.version)}</code>"
    table = _table(("channel", "version", "from – to", "files", "size"), rows)
    told = escape(" · ".join(facts))
    return f"<div style='{_STYLE}'><div>{title}</div><p>{told}</p>{table}</div>"


def files_card(
    lock: BundleLock, channel: str, summary: str, count: int, files: Sequence[Mapping[str, Any]]
) -> str:
    """The first files of `count`."""
    rows = [
        (
            str(one["relative_path"]),
            "" if one["timestamp"] is None else one["timestamp"].isoformat(),
            human_bytes(one["size_bytes"]),
        )
        for one in files
    ]
    title = f"{escape(summary)} of <strong>{escape(channel)}</strong>"
    of = f"in {escape(lock.name)} <code>{escape(lock.version)}</code>"
    rest = count - len(rows)
    more = f"<p>… and {rest:,} more</p>" if rest else ""
    table = _table(("path", "time", "size"), rows)
    return f"<div style='{_STYLE}'><div>{title} {of}</div>{table}{more}</div>"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th style='{_CELL}'>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td style={_CELL!r}>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
