"""`od info`: the card of a data set as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata.wire.manifest import Manifest


@click.command()
@reference_argument
@with_output
def info(out: Output, reference: str) -> None:
    """Show title, licence, source, coverage, columns, health and signature of a data set."""
    from opendata._dataset import Dataset

    dataset = Dataset(reference)
    facts, manifest = dataset.info, dataset.release.manifest
    out.result(
        facts,
        lambda: _show(out, facts, manifest),
        [f"{manifest.id}@{manifest.release}"],
    )


def _show(out: Output, facts: dict[str, Any], manifest: Manifest) -> None:
    from opendata import _card

    out.line(facts.get("title") or manifest.id, bold=True)
    out.line(facts.get("description") or "")
    out.line()
    out.facts(_facts(facts, manifest))
    out.line()
    out.table(
        ["column", "type", "unit", "null", "meaning"],
        [
            [
                field.name,
                field.type,
                field.unit,
                _card.percent(_card.null_share(manifest, field.name)),
                field.description,
            ]
            for field in manifest.schema
        ],
    )
    out.line()
    out.line(_card.load_line(manifest), fg="cyan")


def _facts(facts: dict[str, Any], manifest: Manifest) -> Iterator[tuple[str, object]]:
    from opendata import _card

    source = facts.get("source") if isinstance(facts.get("source"), dict) else {}
    yield "id", f"{manifest.id}@{manifest.release}"
    yield "licence", facts.get("license")
    yield "source", _card.provider_of(facts)
    yield "homepage", (source or {}).get("homepage")
    yield "code", facts.get("repo")
    yield "topics", ", ".join(str(topic) for topic in facts.get("topics") or ())
    yield "frequency", facts.get("frequency")
    yield "coverage", _card.coverage_of(manifest)
    yield "rows", f"{manifest.row_count:,}"
    yield "size", f"{human_bytes(manifest.size_bytes)} in {counted(len(manifest.files), 'shard')}"
    if aside := manifest.quarantined:
        by_rule = ", ".join(f"{rule}: {rows:,}" for rule, rows in aside.rules.items())
        yield "quarantine", f"{counted(aside.file.row_count, 'row')} ({by_rule})"
    yield "updated", facts.get("updated_at")
    yield "health", _card.health_of(facts)
    yield "freeze", _freeze(facts["freeze"])
    yield "signature", _card.signature_of(manifest)
    yield "digest", f"sha256:{manifest.integrity.hash_sha256}"
    yield "content", manifest.integrity.content_hash


def _freeze(facts: dict[str, Any]) -> str:
    """Soft or hard, since or until when, and whether it was withdrawn."""
    state, yanked = facts.get("state", facts["mode"]), facts.get("yanked")
    moment = facts.get("until") if state == "soft" else facts.get("since")
    told = f"{state}, {'until' if state == 'soft' else 'since'} {moment}" if moment else str(state)
    if yanked is None:
        return told
    why = f": {yanked['reason']}" if yanked["reason"] else ""
    return f"{told}; withdrawn {yanked['at']} by {yanked['by']}{why}"
