"""Whether the versions of the two repositories go together (requirements S0-52…S0-59, B42).

`compatibility/dataindex_compatibility.yaml` says which versions of the index repository can hold
what which version of the spec repository asks for. It is the second table of the compatibility
matrix: its rows become the same cells as those of readers and schemas (`opendata.wire.
compatibility`), the index repository being the reader. There verdicts are worked out from schemas;
here people wrote them down, so what nobody wrote down is compatible with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import Field, ValidationError

from dataplatform.channels.spec import Spec
from dataplatform.datasets.complaint import complaint
from dataplatform.datasets.yaml import Path, read_yaml
from dataplatform.errors import InvalidDefinition
from dataplatform.ports import IndexRepo, SpecRepo
from opendata.wire.compatibility import COMPATIBLE, INCOMPATIBLE, Cell
from opendata.wire.errors import InvalidInput, NotFound, Rejected
from opendata.wire.version import parse_version

COMPATIBILITY_FILE: Final = "compatibility/dataindex_compatibility.yaml"
UNKNOWN: Final = "unknown"


class SpecVersion(Spec):
    """What one version of the spec repository asks of the index repository (S0-53…S0-55)."""

    compatible_dataindex_versions: tuple[str, ...] = ()
    breaking_changes: tuple[str, ...] = ()
    migration_guide: str | None = None


class CompatibilityTable(Spec):
    """The rows, by version of the spec repository."""

    spec_repo_versions: Mapping[str, SpecVersion]


class VersionCheck(Spec):
    """What is done with the table (S0-56…S0-58)."""

    enable_automatic_check: bool = True
    fail_on_incompatible: bool = True
    notification_channels: tuple[str, ...] = ()


class CompatibilityFile(Spec):
    """The whole file."""

    compatibility_matrix: CompatibilityTable
    version_check: VersionCheck = Field(default_factory=VersionCheck)


@dataclass(frozen=True)
class Compatibility:
    """How the two repositories' versions stand to each other.

    `verdict` is compatible, incompatible, or unknown where a repository declares no version.
    `notify` are the kinds of channels that are to be told if it is not compatible.
    """

    verdict: str
    spec_version: str | None
    index_version: str | None
    reasons: tuple[str, ...] = ()
    migration_guide: str | None = None
    fails: bool = False
    notify: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The finding for people."""
        spec, index = self.spec_version or "without a version", self.index_version or "without one"
        told = f"the spec repository ({spec}) and the index repository ({index})"
        words = {COMPATIBLE: "go together", INCOMPATIBLE: "do not go together"}
        head = f"{told} {words.get(self.verdict, 'cannot be compared')}"
        return f"{head}: {'; '.join(self.reasons)}" if self.reasons else head

    def to_json(self) -> dict[str, Any]:
        """The same by name."""
        return {
            "verdict": self.verdict,
            "spec_version": self.spec_version,
            "index_version": self.index_version,
            "breaking_changes": list(self.reasons),
            "migration_guide": self.migration_guide,
            "notification_channels": list(self.notify),
        }


def parse_compatibility(text: str | bytes, path: str) -> CompatibilityFile:
    """The file's content.

    Raises:
        InvalidDefinition: with every finding at its line and column.
    """
    document = read_yaml(text, path)
    if not isinstance(document.value, dict):
        message = "the file has to be a mapping (key: value)"
        raise InvalidDefinition([document.finding((), message)])
    try:
        return CompatibilityFile.model_validate(document.value)
    except ValidationError as error:
        findings = [complaint(one, document, _keys_at) for one in error.errors()]
        ordered = sorted(findings, key=lambda one: (one.line, one.column))
        raise InvalidDefinition(ordered) from error


def cells_of(table: CompatibilityTable) -> list[Cell]:
    """The table as cells: what stands in it, and nothing about what does not."""
    return [
        Cell(
            reader=_normal(index),
            schema_version=_normal(version),
            data_release=_normal(version),
            verdict=COMPATIBLE,
            reasons=row.breaking_changes,
        )
        for version, row in table.spec_repo_versions.items()
        for index in row.compatible_dataindex_versions
    ]


def judge_versions(
    file: CompatibilityFile, spec_version: str | None, index_version: str | None
) -> Compatibility:
    """How two versions stand to each other by the table."""
    check, table = file.version_check, file.compatibility_matrix
    found = Compatibility(UNKNOWN, spec_version, index_version, notify=check.notification_channels)
    if spec_version is None or index_version is None:
        which = "spec" if spec_version is None else "index"
        reason = f"the {which} repository declares no version: no VERSION file and no tag"
        return replace(found, reasons=(reason,))
    spec, index = _normal(spec_version), _normal(index_version)
    if any((one.reader, one.schema_version) == (index, spec) for one in cells_of(table)):
        return replace(found, verdict=COMPATIBLE)
    rows = {_normal(name): row for name, row in table.spec_repo_versions.items()}
    row = rows.get(spec)
    if row is None:
        known = ", ".join(table.spec_repo_versions) or "none"
        reasons: tuple[str, ...] = (f"{spec_version} is not in the table (there are: {known})",)
    else:
        fitting = ", ".join(row.compatible_dataindex_versions) or "none"
        reasons = (f"{spec_version} goes with {fitting}", *row.breaking_changes)
    return replace(
        found,
        verdict=INCOMPATIBLE,
        reasons=reasons,
        migration_guide=row.migration_guide if row else None,
        fails=check.fail_on_incompatible,
    )


def check_compatibility(
    spec_repo: SpecRepo, commit: str, index_repo: IndexRepo | None
) -> Compatibility | None:
    """Compare the two repositories at a commit; None where no table asks for that.

    The spec repository's table counts where both have one.

    Raises:
        InvalidDefinition: if the table cannot be read.
    """
    found = _table(spec_repo, commit, index_repo)
    if found is None or index_repo is None:
        return None
    file = parse_compatibility(found, COMPATIBILITY_FILE)
    if not file.version_check.enable_automatic_check:
        return None
    return judge_versions(file, spec_repo.version(commit), index_repo.version())


def require_compatible(found: Compatibility | None) -> None:
    """Let nothing be indexed for an index repository that cannot hold it (S0-57).

    Raises:
        Rejected: `incompatible`, with what broke and the guide.
    """
    if found is None or found.verdict != INCOMPATIBLE or not found.fails:
        return
    guide = found.migration_guide
    raise Rejected(
        found.sentence,
        code="incompatible",
        hint=f"{guide} says how to move on" if guide else f"mend {COMPATIBILITY_FILE}",
        details=found.to_json(),
    )


def _table(spec_repo: SpecRepo, commit: str, index_repo: IndexRepo | None) -> bytes | None:
    try:
        return spec_repo.read(COMPATIBILITY_FILE, commit)
    except NotFound:
        return index_repo.read(COMPATIBILITY_FILE) if index_repo else None


def _normal(version: str) -> str:
    """`v1.0.0` and `1.0.0` are one version; what is no semver stands for itself."""
    try:
        return str(parse_version(version))
    except InvalidInput:
        return version


def _keys_at(where: Path) -> Sequence[str]:
    match where:
        case ():
            return tuple(CompatibilityFile.model_fields)
        case ("compatibility_matrix",):
            return tuple(CompatibilityTable.model_fields)
        case ("compatibility_matrix", "spec_repo_versions", str()):
            return tuple(SpecVersion.model_fields)
        case ("version_check",):
            return tuple(VersionCheck.model_fields)
    return ()
