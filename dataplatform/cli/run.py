"""`od run`: a producer from its two files to a release, or a rehearsal of that.

Without `--publish` nothing reaches the store: the producer runs, both gates judge what it made, and
the difference to the current release is shown. `--dry-run` says the same out loud.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

import click

from dataplatform.cli.completing import complete_producer
from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from dataplatform.datasets.producer import Producer
    from dataplatform.releases.chain import NothingNew, Rehearsal, Released
    from dataplatform.releases.run import RunOptions
    from dataplatform.settings import Settings
    from dataplatform.wiring import Platform


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks of a run."""

    start: str | None
    end: str | None
    partition: str | None
    force: bool

    def options(self, platform: Platform, producer: Producer) -> RunOptions:
        """The same, with what the settings add."""
        start_at, end_at = self._interval(producer)
        return dataclasses.replace(
            platform.options(producer),
            start_at=start_at,
            end_at=end_at,
            in_parts=self.partition is not None,
            force=self.force,
        )

    def _interval(self, producer: Producer) -> tuple[datetime | None, datetime | None]:
        from dataplatform.datasets.moments import parse_interval
        from dataplatform.datasets.partitions import require_kind, window_of

        if self.partition is None:
            return parse_interval(self.start, self.end)
        if self.start or self.end:
            what = "--partition and --start/--end exclude each other"
            raise InvalidInput(what, code="usage", hint="leave --start and --end out")
        window = window_of(self.partition, require_kind(producer.definition))
        return window.start_at, window.end_at


@click.command()
@click.argument("target", metavar="NS/NAME|PATH", shell_complete=complete_producer)
@click.option("--publish", is_flag=True, help="Freeze and publish what passes the gates.")
@click.option("--dry-run", is_flag=True, help="Publish nothing; what happens without --publish.")
@click.option("--start", help="Ask the producer for rows from this date or time on.")
@click.option("--end", help="Ask the producer for rows up to this date or time, inclusive.")
@click.option(
    "--partition",
    metavar="PART[..PART]",
    help="Ask for one year, month or day of a sharded data set, or several: 2024-01..2024-03.",
)
@click.option("--force", is_flag=True, help="Release even what has not changed.")
@click.option("-v", "--verbose", is_flag=True, help="Show details too, such as a traceback.")
@with_output
def run(
    out: Output,
    target: str,
    publish: bool,
    dry_run: bool,
    start: str | None,
    end: str | None,
    partition: str | None,
    force: bool,
    verbose: bool,
) -> None:
    """Run main.py, check what it makes, and show what would change; --publish releases it.

    What a gate refuses is explained row by row, and the published release stays as it is.
    """
    from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
    from dataplatform.cli.place import find_producer, find_settings

    delay_pandas()
    if publish and dry_run:
        raise InvalidInput("--publish and --dry-run exclude each other", code="usage")
    out.verbose = verbose
    settings = find_settings()
    producer = find_producer(settings, target)
    asked = Asked(start, end, partition, force)
    _show_advice(out, producer, publish)
    if publish:
        _publish(out, settings, producer, asked)
    else:
        _rehearse(out, settings, producer, asked)


def _show_advice(out: Output, producer: Producer, publish: bool) -> None:
    """What is worth a word about the definition; a publish will refuse placeholders by itself."""
    for finding in producer.warnings:
        if not publish or finding not in producer.placeholders:
            out.warn(finding, finding.hint)


def _publish(out: Output, settings: Settings, producer: Producer, asked: Asked) -> None:
    from dataplatform.cli.place import prepare_store
    from dataplatform.datasets.producer import require_written
    from dataplatform.releases.chain import Released
    from dataplatform.releases.run import build, release
    from dataplatform.releases.trace import RunReference
    from dataplatform.wiring import from_settings

    require_written(producer)
    platform = from_settings(settings)
    options = asked.options(platform, producer)
    prepare_store(settings, out.note)
    reference = RunReference(run_id=uuid.uuid4().hex, by="od")
    with out.steps() as step:
        step(f"running {producer.main_path}")
        result = release(
            platform.ports,
            producer.id,
            lambda: build(platform.ports, producer, options, out.log),
            reference,
            step,
            force=options.force,
        )
    if isinstance(result, Released):
        show_released(out, result)
    else:
        show_nothing_new(out, str(producer.id), result)


def _rehearse(out: Output, settings: Settings, producer: Producer, asked: Asked) -> None:
    from dataplatform.cli.place import rehearsal
    from dataplatform.releases.run import build, dry_run

    with rehearsal(settings) as platform, out.steps() as step:
        options = asked.options(platform, producer)
        step(f"running {producer.main_path}")
        result = dry_run(
            platform.ports,
            producer.id,
            lambda: build(platform.ports, producer, options, out.log),
            step,
        )
    _show_rehearsal(out, str(producer.id), result)


def show_released(out: Output, result: Released) -> None:
    """A run that published."""
    from dataplatform.cli.changes import (
        report_json,
        show_change,
        show_figures,
        show_warnings,
    )
    from dataplatform.cli.place import UNSIGNED, find_settings, unsigned_hint
    from opendata.reading.quarantine import quarantine_facts

    manifest = result.published.release.manifest
    reference = f"{manifest.id}@{manifest.release}"
    show_warnings(out, result.checked)
    if manifest.integrity.signed_by is None:
        out.warn(UNSIGNED, unsigned_hint(find_settings()))

    def show() -> None:
        show_change(out, result.change, manifest.row_count)
        show_figures(out, result.checked)
        out.line(f"✓ published {reference}", fg="green")
        out.line(f'  od.load("{manifest.id}")')

    out.result(
        {
            "id": manifest.id,
            "outcome": "published",
            "release": manifest.release,
            "generation": result.published.pointer.generation,
            "signed_by": manifest.integrity.signed_by,
            "row_count": manifest.row_count,
            "quarantine": quarantine_facts(manifest),
            "contract": report_json(result.checked.contract),
            "quality": report_json(result.checked.quality),
            "change": result.change.to_json(),
        },
        show,
        [reference],
    )


def show_nothing_new(out: Output, dataset: str, result: NothingNew) -> None:
    """A run whose rows are published already."""
    reference = f"{dataset}@{result.release}"
    out.result(
        {"id": dataset, "outcome": "unchanged", "release": result.release},
        lambda: out.line(f"✓ nothing new: {reference} holds these rows already", fg="green"),
        [reference],
    )


def _show_rehearsal(out: Output, dataset: str, result: Rehearsal) -> None:
    from dataplatform.cli.changes import (
        report_json,
        show_change,
        show_figures,
        show_warnings,
    )

    show_warnings(out, result.checked)
    if result.problem is not None:
        raise result.problem
    assert result.change is not None  # there was no problem, so both are there
    assert result.numbers is not None
    change, version = result.change, str(result.numbers.data_release)
    candidate = result.checked.built.candidate

    def show() -> None:
        if change.is_empty:
            out.line("✓ nothing new: the current release holds these rows already", fg="green")
            return
        show_change(out, change, candidate.row_count)
        show_figures(out, result.checked)
        out.line(f"✓ it would become {dataset}@{version} ({_step(change)})", fg="green")
        out.line(f"  od run {dataset} --publish")

    body: dict[str, Any] = {
        "id": dataset,
        "outcome": "unchanged" if change.is_empty else "would_publish",
        "release": None if change.is_empty else version,
        "row_count": candidate.row_count,
        "quarantine": dict(candidate.quarantined.rules) if candidate.quarantined else None,
        "contract": report_json(result.checked.contract),
        "quality": report_json(result.checked.quality),
        "change": change.to_json(),
    }
    out.result(body, show, [f"{dataset}@{version}"])


def _step(change: Any) -> str:
    return "first release" if change.first else f"{change.data_bump} step"
