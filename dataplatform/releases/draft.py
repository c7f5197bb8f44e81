"""Draft: a staged candidate that is still being described (S4-39, S4-40, S4-85).

A candidate never changes; what is added to a draft makes another candidate, and verdicts on the
former one do not count for it. Nothing here decides; gates and freezing are the other files' verbs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dataplatform.releases.build import Built
from dataplatform.releases.candidate import Candidate, SourceBytes, stage_candidate
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.provenance import check_steps
from opendata.wire.chunks import ColumnStats
from opendata.wire.codec import replace
from opendata.wire.digest import parse_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version


def with_provenance(ports: ReleasePorts, built: Built, trace: Mapping[str, Any]) -> Built:
    """The draft with `source` (what was fetched) and `method` (how it was made) told.

    Args:
        trace: `{"source": [{"url", "sha256", "size_bytes"}, …], "method": {…}, "nodes": […],
            "edges": [[from, to], …]}`; any of them may be left out. Nodes and edges are steps
            between the sources and the artefact. What the build itself recorded stays.

    Raises:
        InvalidInput: for any other key, a source without its digest, a method that would replace
            what was recorded, or steps that run in a circle or lead nowhere.
    """
    unknown = sorted(set(trace) - {"source", "method", "nodes", "edges"})
    if unknown:
        raise InvalidInput(
            f"a trace tells source, method, nodes and edges, not {unknown[0]!r}",
            code="invalid_trace",
            hint="the artifact and the run are added when the draft is frozen",
        )
    candidate = built.candidate
    told = replace(
        candidate,
        sources=tuple(dict.fromkeys((*candidate.sources, *_sources(trace.get("source", ()))))),
        code={**candidate.code, **_method(trace.get("method", {})), **_steps(trace)},
    )
    return _staged(ports, built, told)


def _method(told: Any) -> dict[str, Any]:
    if not isinstance(told, Mapping):
        raise InvalidInput("the method of a trace is a mapping", code="invalid_trace")
    recorded = sorted({"main_sha256", "definition_sha256", "pushed", "steps"} & set(told))
    if recorded:
        raise InvalidInput(
            f"{recorded[0]!r} is recorded by the build itself and cannot be told",
            code="invalid_trace",
            hint="tell it under another name",
        )
    return dict(told)


def _steps(trace: Mapping[str, Any]) -> dict[str, Any]:
    nodes, edges = trace.get("nodes") or [], trace.get("edges") or []
    if not nodes and not edges:
        return {}
    check_steps(nodes, edges)
    return {"steps": {"nodes": [dict(each) for each in nodes], "edges": [list(e) for e in edges]}}


def with_version(ports: ReleasePorts, built: Built, version: Version) -> Built:
    """The draft with its next version declared, as `release.version` of a YAML declares it."""
    settings = {**built.candidate.definition.get("release", {}), "version": str(version)}
    definition = {**built.candidate.definition, "release": settings}
    return _staged(ports, built, replace(built.candidate, definition=definition))


def with_statistics(
    ports: ReleasePorts, built: Built, measured: Sequence[Mapping[str, ColumnStats]]
) -> Built:
    """The draft with statistics of its shards as they were just measured, in the shards' order.

    Where nothing differs it stays the same candidate, with its verdicts.
    """
    candidate = built.candidate
    files = tuple(
        replace(entry, stats={**entry.stats, **stats})
        for entry, stats in zip(candidate.files, measured, strict=True)
    )
    if files == candidate.files:
        return built
    return _staged(ports, built, replace(candidate, files=files))


def _sources(entries: Sequence[Mapping[str, Any]]) -> tuple[SourceBytes, ...]:
    try:
        found = msgspec.convert(list(entries), list[SourceBytes])
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"a source of a trace is not complete: {error}",
            code="invalid_trace",
            hint='each is {"url": …, "sha256": …, "size_bytes": …}',
        ) from error
    return tuple(replace(source, sha256=parse_digest(source.sha256)) for source in found)


def _staged(ports: ReleasePorts, built: Built, candidate: Candidate) -> Built:
    return Built(stage_candidate(ports.store, candidate), candidate, built.written)
