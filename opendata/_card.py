"""The card of a data set: what a notebook shows for a handle, and the facts that it rests on.

Everything in it was written by strangers (titles, descriptions, READMEs, column names), so every
text is escaped and an address becomes a link only where it is http or https. No script, no outside
style sheet, no image: a card can be saved and sent on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from opendata.wire.manifest import Manifest
from opendata.wire.words import human_bytes

README_MAX_CHARS = 4_000
DESCRIPTION_MAX_CHARS = 2_000

# A run's record has no word for the gate that refused it, but its first sentence names it.
_GATE = re.compile(r"^\S+ is blocked by its (\w+) gate")
_STYLE = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:12px 16px;max-width:60em;"
    "font-family:system-ui,sans-serif;font-size:14px;line-height:1.45"
)
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
_CODE = "background:rgba(128,128,128,.15);padding:6px 8px;border-radius:4px;overflow:auto"


def dataset_card(info: dict[str, Any], manifest: Manifest, readme: str | None = None) -> str:
    """The card as HTML that is safe to embed, whatever the texts in it hold."""
    parts = [
        f"<div><strong>{_text(info.get('title') or manifest.id)}</strong> "
        f"<code>{_text(f'{manifest.id}@{manifest.release}')}</code></div>",
        f"<p>{_text(_cut(info.get('description') or '', DESCRIPTION_MAX_CHARS))}</p>",
        _facts_table(_card_facts(info, manifest)),
        _schema_table(manifest),
        f"<pre style='{_CODE}'>{_text(load_line(manifest))}</pre>",
        _folded("README", _cut(readme, README_MAX_CHARS)) if readme else "",
        _folded("Cite", citation(info, manifest)),
    ]
    return f"<div style='{_STYLE}'>{''.join(parts)}</div>"


def load_line(manifest: Manifest) -> str:
    """The line of Python that loads this data set."""
    return f'od.load("{manifest.id}")'


def citation(info: dict[str, Any], manifest: Manifest) -> str:
    """How to cite exactly these bytes."""
    provider = provider_of(info)
    return (
        f"{info.get('title') or manifest.id}, release {manifest.release}"
        f" ({manifest.freeze.frozen_at[:10]})"
        + (f". Source: {provider}" if provider else "")
        + f". {manifest.id}@{manifest.release}, sha256:{manifest.integrity.hash_sha256}"
    )


def provider_of(info: dict[str, Any]) -> str | None:
    """Who the data comes from."""
    source = info.get("source")
    return str(source["provider"]) if isinstance(source, dict) and source.get("provider") else None


def coverage_of(manifest: Manifest) -> str | None:
    """First and last value of the time column."""
    first = min((entry.min for entry in manifest.files if entry.min is not None), default=None)
    last = max((entry.max for entry in manifest.files if entry.max is not None), default=None)
    return f"{first} … {last}" if first and last else None


def null_share(manifest: Manifest, column: str) -> float | None:
    """Which share of a column's cells is null; None where the shards do not tell."""
    counts = [
        stats.null_count if (stats := entry.stats.get(column)) is not None else None
        for entry in manifest.files
    ]
    if not manifest.row_count or any(count is None for count in counts):
        return None
    return sum(count for count in counts if count is not None) / manifest.row_count


def percent(share: float | None) -> str:
    """A share for people: never 0 % or 100 % where it is only nearly so."""
    if share is None:
        return ""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(share, 0.001), 0.999) * 100:.1f} %"


def signature_of(manifest: Manifest) -> str:
    """Who signed, or that nobody did. Whether it holds is `od verify`'s to say."""
    signed_by = manifest.integrity.signed_by
    return f"by key {signed_by[:12]}… at {manifest.integrity.signed_at}" if signed_by else "none"


def health_of(info: dict[str, Any]) -> str | None:
    """`healthy`, or what the last run failed with."""
    health = info.get("health")
    if not isinstance(health, dict):
        return None
    status = str(health.get("status") or "unknown")
    failure = health.get("last_failure")
    if status != "failing" or not isinstance(failure, dict):
        return status
    return f"failing since {failure.get('at')} ({_cause(failure)})"


def _cause(failure: dict[str, Any]) -> str:
    """What the last run failed by: a gate, main.py itself, or the class of its failure."""
    message = str(failure.get("message") or "")
    if gate := _GATE.search(message):
        return f"refused by {gate[1]}"
    if message.startswith("producer failure"):
        return "producer failure"
    return str(failure.get("failure_class"))


def _card_facts(info: dict[str, Any], manifest: Manifest) -> Iterator[tuple[str, str]]:
    source = info.get("source") if isinstance(info.get("source"), dict) else {}
    facts: list[tuple[str, Any]] = [
        ("Rows", f"{manifest.row_count:,} ({human_bytes(manifest.size_bytes)})"),
        ("Coverage", coverage_of(manifest)),
        ("Updated", info.get("updated_at")),
        ("Licence", info.get("license")),
        ("Topics", ", ".join(str(topic) for topic in info.get("topics") or ())),
        ("Health", health_of(info)),
        ("Signature", signature_of(manifest)),
        ("Digest", f"sha256:{manifest.integrity.hash_sha256}"),
        ("Content", manifest.integrity.content_hash),
    ]
    yield from ((name, _text(value)) for name, value in facts if value)
    if provider := provider_of(info):
        yield "Source", _link(provider, (source or {}).get("homepage"))


def _facts_table(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><th style='{_CELL}'>{_text(name)}</th><td style='{_CELL}'>{html}</td></tr>"
        for name, html in facts
    )
    return f"<table>{rows}</table>"


def _schema_table(manifest: Manifest) -> str:
    head = "".join(
        f"<th style='{_CELL}'>{name}</th>" for name in ("Column", "Type", "Unit", "Null", "Meaning")
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td style='{_CELL}'>{_text(value)}</td>"
            for value in (
                field.name,
                field.type,
                field.unit or "",
                percent(null_share(manifest, field.name)),
                field.description or "",
            )
        )
        + "</tr>"
        for field in manifest.schema
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _folded(title: str, text: str) -> str:
    body = f"<pre style='{_CODE};white-space:pre-wrap'>{_text(text)}</pre>"
    return f"<details><summary>{_text(title)}</summary>{body}</details>"


def _link(text: str, address: object) -> str:
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        return _text(text)
    return f"<a href='{_text(address)}' rel='noopener noreferrer'>{_text(text)}</a>"


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
