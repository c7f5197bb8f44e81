"""Number: which version a change gets (requirements S4-7, S4-15, S4-16, S4-39).

Pure. The change says how far the version must move; the producer may ask for more, never for
less; a breaking change passes only when the next major is declared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dataplatform.errors import BreakingChange
from dataplatform.releases.compare import Comparison
from opendata.wire.errors import Rejected
from opendata.wire.manifest import Manifest, Versioning
from opendata.wire.version import FIRST_VERSION, Bump, Version, parse_version


@dataclass(frozen=True)
class Numbers:
    """The two versions of a release."""

    schema_version: Version
    data_release: Version


@dataclass(frozen=True)
class Taken:
    """Numbers that belong to others: releases that are frozen, and schemas that these have.

    A schema version that was published and rolled back stays the name of that schema. `closed` are
    those of the releases that close their line.
    """

    releases: frozenset[Version] = frozenset()
    schemas: frozenset[Version] = frozenset()
    closed: frozenset[Version] = frozenset()

    def also(
        self,
        release: Version,
        manifest: Manifest | None,
        contract: Mapping[str, Any],
        *,
        closes: bool = False,
    ) -> Taken:
        """With one more release; its schema's number is taken where it promises something else."""
        schemas = self.schemas
        if manifest is not None and manifest.contract != contract:
            schemas |= {parse_version(manifest.versioning.schema_version)}
        closed = self.closed | {release} if closes else self.closed
        return Taken(self.releases | {release}, schemas, closed)


def next_numbers(
    change: Comparison,
    current: Versioning | None,
    declared: Version | None,
    taken: Taken = Taken(),
) -> Numbers:
    """The versions for a change.

    Args:
        change: What the candidate changes.
        current: The versions of the current release, None for the first.
        declared: `release.version` of the YAML, which names the next major.
        taken: Numbers that belong to others already.

    Raises:
        BreakingChange: if the change breaks readers and the next major is not declared.
        Rejected: if the declared version is no possible successor.
    """
    if current is None:
        if declared not in (None, FIRST_VERSION):
            raise _wrong_declaration(declared, FIRST_VERSION, "it is the first release")
        return Numbers(FIRST_VERSION, _free(FIRST_VERSION, taken.releases))
    release = parse_version(current.data_release)
    schema = parse_version(current.schema_version).bumped(change.schema_bump)
    if change.schema_bump is not Bump.NONE:
        schema = _free(schema, taken.schemas)
    required = release.bumped(change.data_bump)
    if change.breaking and declared != required:
        raise _undeclared_major(change, release, required)
    if declared is None or declared <= release:
        return Numbers(schema, _free(required, taken.releases))
    allowed = [release.bumped(b) for b in Bump if b >= change.data_bump and b is not Bump.NONE]
    if declared not in allowed:
        raise _wrong_declaration(declared, required, _why(change, release))
    return Numbers(schema, _free(declared, taken.releases))


def _why(change: Comparison, release: Version) -> str:
    step = f"the current release is {release}, and this is a {change.data_bump} step"
    asking = change.schema.told if change.schema.bump is change.data_bump else ()
    return f"{step} ({'; '.join(asking)})" if asking else step


def _free(version: Version, taken: Collection[Version]) -> Version:
    while version in taken:
        version = version.bumped(Bump.PATCH)
    return version


def _undeclared_major(change: Comparison, release: Version, required: Version) -> BreakingChange:
    reasons = "; ".join(change.breaking_reasons) or "the schema changes incompatibly"
    whom = f"readers of {release}"
    if change.older and change.older == change.breaking_reasons:
        whom = "readers of earlier schemas"
        reasons += "; raising release.reader_min lets them go"
    return BreakingChange(
        f"this change breaks {whom}: {reasons}",
        code="breaking_change",
        hint=f'if it is meant, write in opendata.yaml: release: {{version: "{required}"}}',
        details={"required": str(required), "reasons": list(change.breaking_reasons)},
    )


def _wrong_declaration(declared: Version | None, required: Version, why: str) -> Rejected:
    return Rejected(
        f"release.version says {declared}, but the next release is {required}: {why}",
        code="wrong_version",
        hint=f'write release: {{version: "{required}"}} or leave it out',
        details={"declared": str(declared), "required": str(required)},
    )
