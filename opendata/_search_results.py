"""What `od.search` returns: a list that shows itself as a table.

Here belongs how it looks in a console and in a notebook. Titles come from strangers, so every text
is escaped there, as in `_card`.
"""

from __future__ import annotations

from html import escape
from typing import Any

SHOWN = 20
_TITLE_MAX_CHARS = 60


class SearchResults(list[dict[str, Any]]):
    """Catalogue entries as dictionaries; a plain list in every other way."""

    def __repr__(self) -> str:
        rows = self._rows()
        if not rows:
            return "no data sets"
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        lines = [
            "  ".join(
                [*(cell.ljust(wide) for cell, wide in zip(row, widths, strict=False)), row[3]]
            )
            for row in rows
        ]
        return "\n".join([*lines, *self._more()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("id", "release", "rows", "title"))
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._rows()
        )
        more = "".join(f"<p>{line}</p>" for line in self._more())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                str(one.get("id")),
                str(one.get("release")),
                f"{one.get('row_count') or 0:,}",
                _one_line(str(one.get("title") or "")),
            )
            for one in self[:SHOWN]
        ]

    def _more(self) -> list[str]:
        return [f"… and {len(self) - SHOWN:,} more"] if len(self) > SHOWN else []


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return text if len(text) <= _TITLE_MAX_CHARS else f"{text[: _TITLE_MAX_CHARS - 1]}…"
