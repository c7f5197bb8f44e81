"""Chain: the whole way of one candidate, as `od run`, `od push` and Dagster's steps go it.

One code path: Dagster calls the same verbs one by one and shows what lies between them; here they
follow each other. Every run ends with its outcome recorded, failed ones above all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataplatform.contracts.explain import explain
from dataplatform.contracts.report import Report
from dataplatform.errors import GateClosed
from dataplatform.releases.build import Built
from dataplatform.releases.compare import Comparison
from dataplatform.releases.derive import derive_copies, show_outcome
from dataplatform.releases.freeze import Frozen, Unchanged, freeze_candidate, preview_freeze
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.health import failed_outcome, succeeded_outcome
from dataplatform.releases.number import Numbers
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import Published, publish_release
from dataplatform.releases.trace import RunReference
from dataplatform.releases.validate import validate_candidate
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import DatasetId

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """A built candidate and what its two gates found."""

    built: Built
    contract: Report
    quality: Report

    @property
    def passed(self) -> bool:
        """Whether both gates let it through."""
        return self.contract.passed and self.quality.passed


@dataclass(frozen=True)
class Rehearsal:
    """What a publish would do (`od run --dry-run`); `problem` says why it would be refused."""

    checked: Checked
    change: Comparison | None
    numbers: Numbers | None
    problem: OpenDataError | None


@dataclass(frozen=True)
class Released:
    """A run that published; `change` is against the release before."""

    checked: Checked
    published: Published
    change: Comparison


@dataclass(frozen=True)
class NothingNew:
    """A run whose candidate holds what is published already."""

    checked: Checked
    release: str


def check_candidate(
    ports: ReleasePorts, dataset: DatasetId, built: Built, say: Progress
) -> Checked:
    """Both gates on a built candidate; their verdicts are stored."""
    say("checking the contract")
    validated = validate_candidate(ports, dataset, built.digest)
    say("checking quality")
    gated = gate_candidate(ports, dataset, built.digest)
    return Checked(built, validated.report, gated.report)


def require_passed(dataset: DatasetId, report: Report) -> None:
    """Turn a closed gate into the error that explains it.

    Raises:
        GateClosed: with the offending rows, the rule and what to do.
    """
    if report.passed:
        return
    raise GateClosed(
        f"{dataset} is blocked by its {report.gate} gate; the published release stays as it is\n"
        f"{explain(report)}",
        code=f"{report.gate}_failed",
        hint=f"correct the data or the {report.gate} section, then: od run {dataset} --dry-run",
        details={"report": report.to_json()},
    )


def rehearse(ports: ReleasePorts, dataset: DatasetId, built: Built, say: Progress) -> Rehearsal:
    """All but freezing and publishing: the reports, the diff and the version it would get."""
    checked = check_candidate(ports, dataset, built, say)
    say("comparing with the current release")
    try:
        for report in (checked.contract, checked.quality):
            require_passed(dataset, report)
        change, numbers = preview_freeze(ports, dataset, built.digest)
    except OpenDataError as problem:
        return Rehearsal(checked, None, None, problem)
    return Rehearsal(checked, change, numbers, None)


def release_candidate(
    ports: ReleasePorts,
    dataset: DatasetId,
    built: Built,
    run: RunReference,
    say: Progress,
    *,
    force: bool = False,
) -> Released | NothingNew:
    """Gate, freeze, publish and derive a built candidate.

    Raises:
        GateClosed, BreakingChange, Conflict, Unavailable: as the verbs do.
    """
    checked = check_candidate(ports, dataset, built, say)
    for report in (checked.contract, checked.quality):
        require_passed(dataset, report)
    say("freezing")
    frozen = freeze_candidate(
        ports, dataset, built.digest, run, force=force, built_on=built.generation
    )
    if isinstance(frozen, Unchanged):
        return NothingNew(checked, str(frozen.current.version))
    return _publish(ports, dataset, checked, frozen, say)


def _publish(
    ports: ReleasePorts, dataset: DatasetId, checked: Checked, frozen: Frozen, say: Progress
) -> Released:
    say(f"publishing {frozen.release.version}")
    published = publish_release(ports, dataset, frozen.release.version)
    try:
        derive_copies(ports, dataset)
    except OpenDataError as error:  # the release is out: that its copies are behind is no failure
        say(f"{published.release.reference} is published, but its copies are behind: {error}")
        say(f"od repair {dataset} brings them up to date")
    return Released(checked, published, frozen.change)


def record_run(
    ports: ReleasePorts,
    dataset: DatasetId,
    run: RunReference,
    result: Released | NothingNew | BaseException,
) -> None:
    """Write down how a run ended, where pages and lists show it."""
    at = ports.now()
    if isinstance(result, BaseException):
        outcome = failed_outcome(run, at, result)
    elif isinstance(result, Released):
        version = str(result.published.release.version)
        outcome = succeeded_outcome(run, at, version, published=True)
    else:
        outcome = succeeded_outcome(run, at, result.release, published=False)
    show_outcome(ports, dataset, outcome)
