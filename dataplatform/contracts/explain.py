"""How a report reads to people: which rows, which rule, what to do. Pure.

Programs read the report itself; these lines are for a terminal, a log and a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dataplatform.contracts.report import Finding, Report
from opendata.wire.words import counted

SAMPLES_SHOWN = 5


def explain(report: Report) -> str:
    """The failed findings with sample rows and hints, and what was taken out by rules."""
    lines = [_headline(report)]
    for finding in (*report.failures, *report.warnings):
        lines += _explain_finding(finding)
    for finding in report.findings:
        if isinstance(finding.quarantined, int):
            lines.append(f"  ~ {finding.rule}: {counted(finding.quarantined, 'row')} in quarantine")
    return "\n".join(lines)


def _headline(report: Report) -> str:
    rules = len(report.findings)
    rows = "1 row" if report.row_count == 1 else f"{report.row_count:,} rows"
    if not report.failures and not report.warnings:
        return f"{report.gate}: all {rules} rules hold over {rows}"
    failed, warned = len(report.failures), len(report.warnings)
    warnings = f", {warned} only warn" if warned else ""
    return f"{report.gate}: {failed} of {rules} rules fail over {rows}{warnings}"


def _explain_finding(finding: Finding) -> Iterator[str]:
    mark = "✗" if finding.blocks else "!"
    yield f"  {mark} {finding.rule} ({finding.severity}): {finding.message}"
    for sample in finding.samples[:SAMPLES_SHOWN]:
        yield f"      {_row(sample)}"
    hidden = len(finding.samples) - SAMPLES_SHOWN
    if hidden > 0:
        yield f"      … and {hidden} more in the report"
    if finding.hint:
        yield f"    → {finding.hint}"


def _row(sample: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_cell(value)}" for name, value in sample.items())


def _cell(value: Any) -> str:
    return "null" if value is None else repr(value)
