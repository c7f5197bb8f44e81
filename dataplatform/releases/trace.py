"""Trace: how a release came to be (requirements S4-40, S4-90, P67-3).

source → method → artefact: which bytes were fetched from where, what code and tools made the table,
and which content came out. It carries a digest of its own and becomes part of what is hashed and
signed. The run's id stands in it, so the trace is made at freezing and not at building.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dataplatform.releases.candidate import Candidate
from opendata.wire import keys
from opendata.wire.digest import json_digest, prefixed


@dataclass(frozen=True)
class RunReference:
    """Which run froze a release: its id and by what it was started (`od`, `dagster`, …)."""

    run_id: str
    by: str


def attach_provenance(
    candidate: Candidate, candidate_digest: str, run: RunReference
) -> dict[str, Any]:
    """The trace of a candidate that is about to be frozen.

    `method.asked` (the interval that the run was asked for) and `patch` stand in it only where
    there are any.
    """
    method: dict[str, Any] = {
        "code": candidate.code,
        "tools": candidate.tools,
        "run": {"id": run.run_id, "by": run.by},
    }
    if candidate.asked:
        method["asked"] = candidate.asked
    trace: dict[str, Any] = {
        "source": [source.to_json() for source in candidate.sources],
        "inputs": [release.to_json() for release in candidate.inputs],
        "method": method,
        "artifact": {
            "candidate": prefixed(candidate_digest),
            "content_hash": candidate.content_hash,
            "row_count": candidate.row_count,
        },
    }
    if candidate.patch is not None:
        trace["patch"] = patch_provenance(candidate, candidate.patch)
    return {**trace, "digest": prefixed(json_digest(trace))}


def patch_provenance(candidate: Candidate, key: str) -> dict[str, Any]:
    """Which patch made a candidate, out of which release: its rows have the trace of that one."""
    digest = prefixed(keys.digest_of_object_key(key))
    return {"object": key, "sha256": digest, **candidate.code["patch"]}
