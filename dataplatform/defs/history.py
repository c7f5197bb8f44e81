"""History: what Dagster remembers of a data set's last candidate, release and publish.

Steps pass digests through the event log and nothing else, so a step that runs alone, again or days
later sees the same as one that runs right after its predecessor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from dataplatform.defs.metadata import CANDIDATE, COMMIT, FORCED, RELEASE
from dataplatform.defs.names import Names
from opendata.wire.digest import parse_digest


@dataclass(frozen=True)
class LastCandidate:
    """The newest candidate: its bare digest, and whether it is to be released in any case."""

    digest: str | None
    force: bool = False


def last_candidate(instance: dg.DagsterInstance, names: Names) -> LastCandidate:
    """The newest candidate that Dagster built, whichever run that was."""
    facts = _last(instance, names.candidate)
    digest = facts.get(CANDIDATE)
    return LastCandidate(parse_digest(digest) if digest else None, bool(facts.get(FORCED)))


def last_release(instance: dg.DagsterInstance, names: Names) -> str | None:
    """The newest frozen release's number."""
    return _last(instance, names.release).get(RELEASE)


def last_commit(instance: dg.DagsterInstance, names: Names) -> str | None:
    """The newest move of the pointer that Dagster shows."""
    return _last(instance, names.published).get(COMMIT)


def _last(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    if materialization is None:
        return {}
    return {name: value.value for name, value in materialization.metadata.items()}
