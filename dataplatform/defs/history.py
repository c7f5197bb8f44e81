"""History: what Dagster remembers of a data set's last candidate, release and publish.

Steps pass digests through the event log and nothing else, so a step that runs alone, again or days
later sees the same as one that runs right after its predecessor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from dataplatform.defs.metadata import CANDIDATE, COMMIT, FORCED, GENERATION, RELEASE
from dataplatform.defs.names import Names
from dataplatform.releases.pending import LastBuild
from opendata.wire.digest import parse_digest


@dataclass(frozen=True)
class LastCandidate:
    """The newest candidate: its bare digest, and whether it is to be released in any case.

    `generation` is the pointer's move that it was built upon; None for one that did not note it.
    """

    digest: str | None
    force: bool = False
    generation: int | None = None

    @property
    def build(self) -> LastBuild | None:
        """What the next part of the same candidate needs to know of it."""
        if self.digest is None or self.generation is None:
            return None
        return LastBuild(self.digest, self.generation)


def last_candidate(instance: dg.DagsterInstance, names: Names) -> LastCandidate:
    """The newest candidate that Dagster built, whichever run that was."""
    facts = _last(instance, names.candidate)
    digest = facts.get(CANDIDATE)
    bare = parse_digest(digest) if digest else None
    return LastCandidate(bare, bool(facts.get(FORCED)), facts.get(GENERATION))


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
