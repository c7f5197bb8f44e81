"""What a release changes, as lines for people: rows with samples, columns, the version's step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

from dataplatform.contracts.report import Report
from dataplatform.releases.chain import Checked
from dataplatform.releases.compare import Comparison
from dataplatform.releases.quarantine import sentence_about
from opendata.cli.cells import shown
from opendata.cli.output import Output
from opendata.cli.releases import row_changes
from opendata.wire.changes import index_changes, schema_changes
from opendata.wire.words import counted

SAMPLES_SHOWN = 5
_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def show_change(out: Output, change: Comparison, row_count: int) -> None:
    """The difference to the release before."""
    if change.first:
        out.line(f"first release: {counted(row_count, 'row')}")
        return
    show_difference(out, change, row_count)


def show_difference(
    out: Output, change: Comparison, row_count: int | None, samples: int = SAMPLES_SHOWN
) -> None:
    """The difference between two states, of which the later has so many rows, if that is known."""
    diff = change.to_json()
    now = "" if row_count is None else f" (now {row_count:,})"
    out.line(f"rows: {row_changes(diff['diff_R']) or 'unchanged'}{now}")
    lines = list(sample_lines(diff["diff_R"], samples))
    for mark, text in lines:
        out.line(f"  {mark} {text}", fg=_COLOURS[mark])
    hidden = sum(diff["diff_R"].get(kind) or 0 for kind in _MARKS) - len(lines)
    if lines and hidden > 0:
        out.line(f"  … and {hidden:,} more")
    for sentence in row_notes(diff["diff_R"]):
        out.line(sentence)
    for sentence in schema_changes(diff["diff_S"]):
        out.line(f"schema: {sentence}")
    for sentence in index_changes(diff["diff_I"]):
        out.line(f"index: {sentence}")
    for reason in change.breaking_reasons:
        out.line(f"breaking: {reason}", fg="red")
    if change.about:
        out.line(f"also changed: {', '.join(change.about)}")


def row_notes(diff: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said about the rows beside their counts, one sentence each."""
    if diff.get("keyed") is False:
        yield "without a key rows are a multiset: a changed row is one removed and one added"
    if diff.get("columns"):
        yield f"changed columns: {_by_column(diff['columns'])}"
    if near := diff.get("columns_within_tolerance"):
        rows = counted(diff.get("within_tolerance", 0), "row")
        yield f"within tolerance: {rows} ({_by_column(near)})"
    for column, reason in (diff.get("columns_not_compared") or {}).items():
        yield f"not compared: {column}: {reason}"
    if diff.get("not_compared"):
        yield f"not compared: {diff['not_compared']}"
    if diff.get("unseen"):
        yield f"changed all the same: {diff['unseen']}"


def _by_column(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{column} {count:,}" for column, count in counts.items())


def sample_lines(diff: Mapping[str, Any], most: int = SAMPLES_SHOWN) -> Iterator[tuple[str, str]]:
    """A few changed rows, some of each kind: the mark, and key and cells in words."""
    for sample in _mixed(list(diff.get("samples") or ()), most):
        key = ", ".join(
            f"{name}={shown(value)}" for name, value in (sample.get("key") or {}).items()
        )
        values = sample.get("values") or sample.get("row") or {}
        cells = ", ".join(_cell(name, value) for name, value in values.items())
        yield _MARKS[sample["change"]], ": ".join(part for part in (key, cells) if part)


def _mixed(samples: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """The samples to show: by turns of each kind that occurs, then in the order of the marks."""
    kinds = [[one for one in samples if one["change"] == kind] for kind in _MARKS]
    turns = (one for turn in zip_longest(*kinds) for one in turn if one is not None)
    chosen = list(islice(turns, most))
    return sorted(chosen, key=lambda one: list(_MARKS).index(one["change"]))


def show_warnings(out: Output, checked: Checked) -> None:
    """What the gates found and let pass, and what was taken out before they looked."""
    candidate = checked.built.candidate
    if aside := candidate.quarantined:
        hint = f"od quarantine {candidate.id} shows them, once this is published"
        out.warn(sentence_about(aside), hint)
    for report in (checked.contract, checked.quality):
        for finding in report.warnings:
            out.warn(f"{report.gate}: {finding.rule}: {finding.message}", finding.hint)


def show_figures(out: Output, checked: Checked) -> None:
    """What the gates measured that is worth following from release to release."""
    for finding in checked.quality.findings:
        if finding.passed and finding.rule in checked.quality.figures:
            out.line(f"{finding.rule}: {finding.message}")


def report_json(report: Report) -> dict[str, Any]:
    """A gate's outcome in a line of JSON, with the figures that it followed."""
    figures = {"figures": report.figures} if report.figures else {}
    return {
        **figures,
        "passed": report.passed,
        "rules": len(report.findings),
        "failed": [finding.rule for finding in report.findings if not finding.passed],
    }


def _cell(name: str, value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"old", "new"}:
        return f"{name} {_word(value['old'])} → {_word(value['new'])}"
    return f"{name}={_word(value)}"


def _word(value: Any) -> str:
    return "null" if value is None else shown(value)
