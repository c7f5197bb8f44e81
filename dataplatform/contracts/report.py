"""What a gate found: one finding per rule, gathered in a report.

Here belong the values, when a report passes, its JSON, and how it reads to people. Findings come
from the contract engine and from the quality gate.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final, Literal, TypeVar

import msgspec

from dataplatform.contracts.rule_parts import Action, RuleBase, Severity
from dataplatform.contracts.values import EXACT_INTEGER_MAX
from opendata.wire.codec import Wire
from opendata.wire.errors import Corrupt
from opendata.wire.words import counted

SAMPLES_MAX: Final = 20
TEXT_MAX_CHARS: Final = 500
EXPLAINED_ROWS: Final = 5
CELL_MAX_CHARS: Final = 80

Gate = Literal["contract", "quality"]
T = TypeVar("T", bound=Wire)


class Finding(Wire):
    """One rule and how the rows fared under it.

    `checked` and `failing` count what the rule looks at (rows, values or fields). `samples` are
    offending rows: the key's columns (without a key, `#row` within `#file`) and the fields
    concerned. A rule that could not be evaluated is a finding that did not pass. `value` and
    `limit` are there where a rule compares a figure that is worth following over releases, `action`
    where the rule names one, and `quarantined` where rows were taken out because of it: those are
    in no other count. `reference` is the release that values were looked up in.
    """

    rule: str
    fields: tuple[str, ...]
    severity: Severity
    passed: bool
    checked: int
    failing: int
    message: str
    hint: str | None = None
    samples: tuple[dict[str, Any], ...] = ()
    # Unset is left out of what is stored, so reports from before keep their bytes.
    value: float | msgspec.UnsetType = msgspec.UNSET
    limit: float | msgspec.UnsetType = msgspec.UNSET
    action: Action | msgspec.UnsetType = msgspec.UNSET
    quarantined: int | msgspec.UnsetType = msgspec.UNSET
    reference: dict[str, str] | msgspec.UnsetType = msgspec.UNSET

    @property
    def blocks(self) -> bool:
        """Whether this finding alone closes the gate."""
        if self.passed or self.action is Action.ANNOTATE_ONLY:
            return False
        return isinstance(self.action, Action) or self.severity.blocks

    def of_rule(self, rule: RuleBase) -> Finding:
        """The same finding, with the action that its rule names."""
        if rule.action is None:
            return self
        hint = self.hint
        if rule.quarantines and self.failing:
            limit = f"they were not taken out: quarantine takes at most {rule.quarantine_limit}"
            hint = f"{limit}; {hint}" if hint else limit
        return msgspec.structs.replace(self, action=rule.action, hint=hint)


class Report(Wire):
    """All findings of one gate over one candidate."""

    gate: Gate
    row_count: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule of severity error or critical failed."""
        return not any(finding.blocks for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that close the gate."""
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Failed findings that are told and do not close the gate."""
        return tuple(f for f in self.findings if not f.passed and not f.blocks)

    @property
    def figures(self) -> dict[str, float]:
        """What findings measured, by rule, where it is a figure to follow."""
        return {f.rule: f.value for f in self.findings if isinstance(f.value, float | int)}

    @property
    def pass_rate(self) -> float:
        """The share of rules that passed; 1 where there are none."""
        if not self.findings:
            return 1.0
        return sum(finding.passed for finding in self.findings) / len(self.findings)

    def with_findings(self, findings: Iterable[Finding]) -> Report:
        """The same report with further findings at its end."""
        return msgspec.structs.replace(self, findings=(*self.findings, *findings))

    def strict(self) -> Report:
        """The same report with rules that would only warn failing it (S4-38, S4-42)."""
        findings = tuple(
            msgspec.structs.replace(finding, severity=Severity.ERROR, action=msgspec.UNSET)
            if finding in self.warnings
            else finding
            for finding in self.findings
        )
        return msgspec.structs.replace(self, findings=findings)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """Read what `to_json` wrote.

        Raises:
            Corrupt: if it is no report.
        """
        return read_stored(cls, value)


def explain(report: Report) -> str:
    """The report for people: which rule, which rows, and what to do; failures first."""
    failed = [finding for finding in report.findings if not finding.passed]
    failed.sort(key=lambda finding: finding.severity.rank, reverse=True)
    lines = [_headline(report, len(failed))]
    for finding in failed:
        lines.extend(_explained(finding))
    return "\n".join(lines)


def _headline(report: Report, failed: int) -> str:
    outcome = "passed" if report.passed else "FAILED"
    rules = len(report.findings)
    return (
        f"{report.gate} {outcome}: {rules - failed} of {rules} rules hold "
        f"over {counted(report.row_count, 'row')}"
    )


def _explained(finding: Finding) -> list[str]:
    lines = [f"  {finding.severity}: {finding.rule}: {finding.message}"]
    for sample in finding.samples[:EXPLAINED_ROWS]:
        cells = ", ".join(f"{name}={_cell(value)}" for name, value in sample.items())
        lines.append(f"      {cells}")
    if len(finding.samples) > EXPLAINED_ROWS:
        lines.append(f"      … the report holds {len(finding.samples)} such rows")
    if finding.hint:
        lines.append(f"    → {finding.hint}")
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return "null"
    text = str(value)
    return text if len(text) <= CELL_MAX_CHARS else f"{text[:CELL_MAX_CHARS]}…"


def not_evaluated(
    rule: str, fields: tuple[str, ...], severity: Severity, why: str, hint: str | None = None
) -> Finding:
    """The finding of a rule that gave no answer: what cannot be checked has not passed."""
    return Finding(
        rule=rule,
        fields=fields,
        severity=severity,
        passed=False,
        checked=0,
        failing=0,
        message=f"not evaluated: {why}",
        hint=hint,
    )


def read_stored(kind: type[T], value: Mapping[str, Any]) -> T:
    """A stored JSON object as the value that it was.

    Raises:
        Corrupt: naming the kind and the place in it.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Corrupt(
            f"this is no stored {kind.__name__.lower()}: {error}", code="malformed_object"
        ) from error


def json_value(value: Any) -> Any:
    """A cell as JSON that canonical writing accepts and a person can read.

    Times are ISO 8601 (with a zone: in UTC), integers beyond 2^53 and decimals are text, NaN and
    infinities are spelled out, bytes are base64, and long texts are cut.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= TEXT_MAX_CHARS else f"{value[:TEXT_MAX_CHARS]}…"
    if isinstance(value, int):
        return value if abs(value) <= EXACT_INTEGER_MAX else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _spelled_out(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return json_value(base64.b64encode(value).decode("ascii"))
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in value]
    return _time_text(value)


def _spelled_out(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _time_text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
