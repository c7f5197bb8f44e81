"""Metadata: what an event says about the bytes it stands for, from the values that verbs return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from dataplatform.contracts.explain import explain
from dataplatform.contracts.report import Finding, Report
from dataplatform.defs.columns import table_schema
from dataplatform.defs.readers import (
    changelog_metadata,
    compatibility_metadata,
    standing_metadata,
)
from dataplatform.defs.tables import columns_of, table
from dataplatform.releases.build import Built
from dataplatform.releases.freeze import Frozen
from dataplatform.releases.metadata import coverage, schema_hash
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import Release
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.codec import read_json
from opendata.wire.digest import parse_digest, prefixed
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import parse_dataset_id
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import Manifest, Quarantined
from opendata.wire.pointer import Pointer

CANDIDATE = "candidate"
FORCED = "forced"
GENERATION = "built_on_generation"
RELEASE = "release"
EXPLANATION = "explanation"
COMMIT = "commit_id"
PREVIEW_ROWS = 10
CHANGE_COLUMNS = ("change", "key", "column", "old", "new")
FINDING_COLUMNS = (
    "rule", "fields", "severity", "passed", "checked", "failing", "pass_rate", "message", "hint",
)  # fmt: skip
Metadata = dict[str, Any]
_FENCE = "```"


def candidate_facts(built: Built, *, force: bool) -> Metadata:
    """What the next steps go by, and the next part of the same candidate."""
    return {
        CANDIDATE: _named(built.digest),
        FORCED: force,
        GENERATION: built.generation,
    }


def candidate_metadata(ports: ReleasePorts, built: Built, *, force: bool) -> Metadata:
    """A staged candidate."""
    candidate = built.candidate
    key = keys.candidate_key(parse_dataset_id(candidate.id), built.digest)
    return {
        **candidate_facts(built, force=force),
        "dagster/row_count": candidate.row_count,
        "dagster/uri": _uri(ports.store, key),
        "dagster/column_schema": table_schema(
            candidate.schema, candidate.contract.get("primary_key", ())
        ),
        "size_bytes": candidate.size_bytes,
        "content_hash": _named(candidate.content_hash),
        "shards": f"{len(candidate.files)} ({built.written} new)",
        **_quarantine(candidate.quarantined),
        "code": candidate.code,
        "tools": candidate.tools,
        "sources": table((s.to_json() for s in candidate.sources), ("url", "size_bytes", "sha256")),
        **_inputs([pinned.to_json() for pinned in candidate.inputs]),
        **_preview(ports.store, candidate.preview),
    }


def frozen_metadata(ports: ReleasePorts, frozen: Frozen) -> Metadata:
    """A release that was frozen just now, and what it changes."""
    version = frozen.release.version
    return {
        **release_metadata(ports, frozen.release),
        "dagster/uri": _uri(ports.store, keys.release_key(frozen.release.id, version)),
        "resumed": frozen.resumed,
    }


def published_metadata(ports: ReleasePorts, release: Release, pointer: Pointer) -> Metadata:
    """A release that readers get, and the pointer's move that made it so."""
    return {
        **release_metadata(ports, release),
        "dagster/uri": _uri(ports.store, keys.dataset_prefix(release.id)),
        COMMIT: pointer.commit_id,
        "generation": pointer.generation,
        "kind": pointer.kind,
        "published_at": pointer.updated_at,
        **standing_metadata(ports.store, release, ports.now()),
        **compatibility_metadata(ports.store, release),
        **_preview(ports.store, release.manifest.preview),
    }


def release_metadata(ports: ReleasePorts, release: Release) -> Metadata:
    """A frozen release."""
    manifest = release.manifest
    first, last = coverage(manifest)
    return {
        RELEASE: str(release.version),
        CANDIDATE: _named(manifest.candidate),
        "dagster/row_count": manifest.row_count,
        "dagster/column_schema": table_schema(
            manifest.schema, manifest.contract.get("primary_key", ())
        ),
        "size_bytes": manifest.size_bytes,
        "coverage": f"{first} … {last}" if first else "no time column",
        "schema_version": manifest.versioning.schema_version,
        "schema_hash": schema_hash(manifest),
        "content_hash": _named(manifest.integrity.content_hash),
        "hash_sha256": _named(manifest.integrity.hash_sha256),
        "manifest_sha256": _named(release.stored_sha256),
        "signed_by": manifest.integrity.signed_by or "nobody: no signing key is set",
        "frozen_at": manifest.freeze.frozen_at,
        "freeze": manifest.freeze.mode,
        **_quarantine(manifest.quarantined),
        **_change(manifest),
        **changelog_metadata(ports.store, release),
        **_inputs(manifest.trace.get("inputs", [])),
    }


def report_metadata(report: Report) -> Metadata:
    """A gate's findings: counts, every rule, the offending rows, and what to do."""
    failed = [finding for finding in report.findings if not finding.passed]
    metadata: Metadata = {
        **report.figures,  # as numbers, so that they are plotted over runs
        "rows": report.row_count,
        "rules": len(report.findings),
        "failed_rules": len(failed),
        **_taken_out(report),
        "pass_rate": round(report.pass_rate, 4),
        EXPLANATION: dg.MetadataValue.md(f"{_FENCE}\n{explain(report)}\n{_FENCE}"),
        "findings": findings_table(report.findings),
    }
    return metadata | offending_rows(failed)


def _taken_out(report: Report) -> Metadata:
    """What quarantine took, where it took any."""
    taken = {f.rule: f.quarantined for f in report.findings if isinstance(f.quarantined, int)}
    return {"quarantined": taken} if taken else {}


def explanation_of(evaluation: dg.AssetCheckEvaluation) -> str:
    """The explanation in a check's metadata as plain lines; empty where it has none."""
    explanation = evaluation.metadata.get(EXPLANATION)
    return str(explanation.value).strip("`\n") if explanation else ""


def findings_table(findings: Iterable[Finding]) -> dg.TableMetadataValue:
    """One line per rule, failed ones first."""
    ordered = sorted(findings, key=lambda finding: (finding.passed, -finding.severity.rank))
    return table((_finding_row(finding) for finding in ordered), FINDING_COLUMNS)


def offending_rows(failed: Iterable[Finding]) -> Metadata:
    """The rows that failing rules name, and the hints; nothing where there are none."""
    failed = list(failed)
    rows = [{"rule": finding.rule, **sample} for finding in failed for sample in finding.samples]
    hints = list(dict.fromkeys(finding.hint for finding in failed if finding.hint))
    metadata: Metadata = {"hint": "\n".join(hints)} if hints else {}
    return metadata | ({"offending_rows": table(rows, columns_of(rows))} if rows else {})


def problem_metadata(error: OpenDataError) -> Metadata:
    """An error: its code, what to do, and its facts; a report is shown by the check it is of."""
    metadata: Metadata = {"code": error.code, "category": error.category}
    if error.hint:
        metadata["hint"] = error.hint
    facts = {name: fact for name, fact in error.details.items() if name != "report"}
    if facts:
        metadata["details"] = dg.MetadataValue.json(facts)
    return metadata


def _finding_row(finding: Finding) -> Mapping[str, Any]:
    share = 1 - finding.failing / finding.checked if finding.checked else float(finding.passed)
    return {
        "rule": finding.rule,
        "fields": ", ".join(finding.fields),
        "severity": str(finding.severity),
        "passed": finding.passed,
        "checked": finding.checked,
        "failing": finding.failing,
        "pass_rate": round(share, 4),
        "message": finding.message,
        "hint": finding.hint or "",
    }


def _change(manifest: Manifest) -> Metadata:
    """The difference to the release before; the first release has none."""
    previous = manifest.versioning.prev_release
    if previous is None:
        return {"diff": "first release"}
    rows, schema = manifest.changelog.diff_R, manifest.changelog.diff_S
    counts = ", ".join(f"{rows.get(name, 0):,} {name}" for name in ("added", "removed", "changed"))
    metadata: Metadata = {
        "diff": f"against {previous}: {counts}"
        + (" (breaking)" if manifest.changelog.breaking else ""),
        "rows_added": rows.get("added", 0),
        "rows_removed": rows.get("removed", 0),
        "rows_changed": rows.get("changed", 0),
    }
    if samples := rows.get("samples"):
        metadata["diff_samples"] = table(_changed_cells(samples), CHANGE_COLUMNS)
    if any(schema.values()):
        metadata["diff_schema"] = dg.MetadataValue.json(schema)
    if any(manifest.changelog.diff_I.values()):
        metadata["diff_indexes"] = dg.MetadataValue.json(manifest.changelog.diff_I)
    return metadata


def _changed_cells(samples: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Sample rows of a difference, one line per changed cell."""
    for sample in samples:
        key = ", ".join(f"{name}={value}" for name, value in sample.get("key", {}).items())
        row = {"change": sample["change"], "key": key}
        cells = sample.get("values", {}) if sample["change"] == "changed" else {}
        yield from (row | {"column": name} | cell for name, cell in cells.items())
        if not cells:
            yield row


def _inputs(pinned: list[dict[str, Any]]) -> Metadata:
    columns = ("id", "release", "manifest_sha256")
    return {"inputs": table(pinned, columns)} if pinned else {}


def _quarantine(quarantined: Quarantined | None) -> Metadata:
    """The rows that rules took out, and how many each took."""
    if quarantined is None:
        return {}
    rules = ({"rule": rule, "rows": rows} for rule, rows in quarantined.rules.items())
    return {
        "quarantined_rows": quarantined.file.row_count,
        "quarantine": table(rules, ("rule", "rows")),
    }


def _preview(store: ObjectStore, key: str | None) -> Metadata:
    if key is None:
        return {}
    preview = read_json(store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    columns = preview["columns"]
    rows = (dict(zip(columns, row, strict=True)) for row in preview["rows"][:PREVIEW_ROWS])
    return {"preview": table(rows, columns)}


def _named(digest: str) -> str:
    """A digest with its algorithm, however it is stored."""
    return prefixed(parse_digest(digest))


def _uri(store: ObjectStore, key: str) -> str:
    return f"{store.url.rstrip('/')}/{key}"
