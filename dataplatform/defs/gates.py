"""The gates: contract and quality as blocking checks on the candidate, and what is only told.

One step carries them, so that the table is measured once. Both run even if the first says no: who
mends a data set wants to know all of it.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Iterator

import dagster as dg

from dataplatform.contracts.explain import explain
from dataplatform.contracts.report import Report
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.producer import Producer
from dataplatform.defs.failures import Retries, failure_of, record_failure, recorded
from dataplatform.defs.history import last_candidate
from dataplatform.defs.metadata import findings_table, offending_rows, report_metadata
from dataplatform.defs.names import CONTRACT, QUALITY, WARNINGS, Names
from dataplatform.defs.partitions import partitions_of_rows
from dataplatform.defs.tables import places_table
from dataplatform.errors import GateClosed, SourceFinding
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.steps import gate_problem, require_candidate
from dataplatform.releases.validate import validate_candidate
from dataplatform.wiring import Platform
from opendata.wire.ids import DatasetId


def candidate_checks(
    platform: Platform, producer: Producer, retries: Retries
) -> dg.AssetChecksDefinition:
    """`contract`, `quality` and `warnings` of one data set."""
    names, ports = Names(producer.id), platform.ports

    @dg.multi_asset_check(
        name=names.step("checks"),
        specs=_specs(names),
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        asked = {key.name for key in context.selected_asset_check_keys}
        reports: list[Report] = []
        closed: GateClosed | None = None
        with recorded(ports, names.dataset, context, retries):
            newest = last_candidate(context.instance, names)
            digest = require_candidate(names.dataset, newest.digest)
            reports += look(ports, names.dataset, digest, asked)
            closed = next(filter(None, (gate_problem(names.dataset, r) for r in reports)), None)
            if closed is not None:
                record_failure(ports, names.dataset, context, closed)
        for report in reports:
            if report.gate in asked:
                yield _verdict(producer.definition, report)
        if WARNINGS in asked:
            yield _warnings(names, reports, producer.warnings)
        if closed is not None:
            raise failure_of(closed)

    return checks


def look(ports: ReleasePorts, dataset: DatasetId, digest: str, asked: set[str]) -> Iterator[Report]:
    """The reports of the gates that were asked for; warnings come from both."""
    if asked & {CONTRACT, WARNINGS}:
        yield validate_candidate(ports, dataset, digest).report
    if asked & {QUALITY, WARNINGS}:
        yield gate_candidate(ports, dataset, digest).report


def _specs(names: Names) -> list[dg.AssetCheckSpec]:
    about = {
        CONTRACT: "Schema and rules of the contract that the candidate carries.",
        QUALITY: "Thresholds and expectations of the section `quality`.",
        WARNINGS: "Failed rules of severity info and warn, and advice on opendata.yaml.",
    }
    return [
        dg.AssetCheckSpec(
            name, asset=names.candidate, blocking=name != WARNINGS, description=description
        )
        for name, description in about.items()
    ]


def _verdict(definition: DatasetDefinition, report: Report) -> dg.AssetCheckResult:
    names = Names(definition.id)
    problem = gate_problem(names.dataset, report)
    what_to_do = {"what_to_do": problem.hint} if problem and problem.hint else {}
    rows = (row for finding in report.findings if not finding.passed for row in finding.samples)
    if partitions := partitions_of_rows(rows, definition):
        what_to_do["partitions"] = partitions
    return dg.AssetCheckResult(
        passed=report.passed,
        asset_key=names.candidate,
        check_name=report.gate,
        description=explain(report).partition("\n")[0],
        metadata=report_metadata(report) | what_to_do,
    )


def _warnings(
    names: Names, reports: list[Report], advice: tuple[SourceFinding, ...]
) -> dg.AssetCheckResult:
    told = [finding for report in reports for finding in report.warnings]
    metadata = {"count": len(told) + len(advice), **offending_rows(told)}
    if told:
        metadata["findings"] = findings_table(told)
    if advice:
        metadata["advice"] = places_table(advice)
    return dg.AssetCheckResult(
        passed=not told and not advice,
        asset_key=names.candidate,
        check_name=WARNINGS,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join([*(f.message for f in told), *(str(a) for a in advice)]) or None,
        metadata=metadata,
    )
