"""The platform's part of the error tree; the trunk stands in `opendata.wire.errors`.

::

    OpenDataError
    ├── InvalidInput
    │   └── InvalidDefinition     an opendata.yaml with its findings (file:line:column each)
    │       └── InvalidPatch      a patch file, likewise
    ├── Rejected
    │   ├── ProducerFailed        main.py did not deliver (class parse, upload or permission)
    │   ├── GateClosed            contract or quality said no; carries the report
    │   └── BreakingChange        a breaking change without the next major declared
    └── Unavailable
        └── SourceUnavailable     main.py could not reach its source (class network)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar

from opendata.wire.errors import InvalidInput, OpenDataError, Rejected, Unavailable


class FailureClass(StrEnum):
    """What kind of failure a producer's run ended with (requirement S1-86)."""

    NETWORK = "network"
    PARSE = "parse"
    UPLOAD = "upload"
    PERMISSION = "permission"


@dataclass(frozen=True)
class SourceFinding:
    """One thing wrong in a text file, at a place that an editor can jump to (1-based)."""

    path: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class InvalidDefinition(InvalidInput):
    """An `opendata.yaml` that cannot be used; `findings` lists everything wrong with it."""

    CODE: ClassVar[str] = "invalid_definition"

    def __init__(self, findings: Sequence[SourceFinding], *, hint: str | None = None) -> None:
        self.findings = tuple(findings)
        first_hint = next((f.hint for f in self.findings if f.hint), None)
        super().__init__(
            "\n".join(str(finding) for finding in self.findings),
            code=self.CODE,
            hint=hint or first_hint,
            details={"findings": [asdict(finding) for finding in self.findings]},
        )


class InvalidPatch(InvalidDefinition):
    """A patch file that cannot be used; `findings` lists what is wrong with it, each in place."""

    CODE = "invalid_patch"


class ProducerFailed(Rejected):
    """A producer's process did not deliver a table; nothing but its log is kept."""

    def __init__(
        self,
        message: str,
        *,
        failure_class: FailureClass,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=f"producer_{failure_class}", hint=hint, details=details)
        self.failure_class = failure_class


class SourceUnavailable(Unavailable):
    """A producer could not reach its source; the only producer failure worth a retry."""

    failure_class = FailureClass.NETWORK

    def __init__(
        self, message: str, *, hint: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, code="producer_network", hint=hint, details=details)


class GateClosed(Rejected):
    """A candidate did not pass its contract or quality gate; `details` holds the report."""


class BreakingChange(Rejected):
    """A change that breaks readers, without `release.version` naming the next major."""


def failure_class_of(error: BaseException) -> FailureClass:
    """The class under which a failed run is counted (requirement S1-86)."""
    declared = getattr(error, "failure_class", None)
    if isinstance(declared, FailureClass):
        return declared
    if isinstance(error, Unavailable):
        return FailureClass.UPLOAD
    if isinstance(error, OpenDataError) and error.category == "denied":
        return FailureClass.PERMISSION
    return FailureClass.PARSE
