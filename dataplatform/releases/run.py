"""Run: one producer from its two files to a release, with its outcome recorded.

Here belongs what `od run`, `od push` and Dagster's candidate step share: which interval, which
pinned inputs and which predecessor a producer sees. The verbs themselves stand in their own files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.producer import Producer
from dataplatform.datasets.producing import ProduceRequest, ReleaseInput
from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.build import Built, Log, build_candidate, build_from_batches
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.chain import (
    NothingNew,
    Progress,
    Rehearsal,
    Released,
    record_run,
    rehearse,
    release_candidate,
)
from dataplatform.releases.defaults import DEFAULT_PREVIEW_ROWS
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.kept import Keeper
from dataplatform.releases.pending import LastBuild, pending_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.references import pin_references
from dataplatform.releases.trace import RunReference
from opendata.reading.resolve import Release, read_current
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.ids import DatasetId
from opendata.wire.times import format_instant

DEFAULT_TIMEOUT_SECONDS = 3600.0


@dataclass(frozen=True)
class RunOptions:
    """What one run is asked for beside its producer.

    `environ` is only looked into for the names that the definition lists as secrets; `force`
    releases even what has not changed. `in_parts` asks for a part of time that is put together with
    others before it is released: with those of the candidate `last`, if that is not released yet.
    """

    start_at: datetime | None = None
    end_at: datetime | None = None
    force: bool = False
    in_parts: bool = False
    last: LastBuild | None = None
    mirror: str | None = None
    preview_rows: int = DEFAULT_PREVIEW_ROWS
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    commit: str | None = None


@dataclass(frozen=True)
class Standing:
    """The releases that a run stands on: its predecessor, if any, its inputs, and those that the
    contract's rules refer to."""

    current: Release | None
    inputs: tuple[Release, ...] = ()
    references: tuple[Release, ...] = ()


def build(ports: ReleasePorts, producer: Producer, options: RunOptions, log: Log) -> Built:
    """Run a producer's `main.py` on what is published now, and stage the candidate.

    Raises:
        ProducerFailed, SourceUnavailable: classified.
        NotFound: if an input was never published, or a release that a rule refers to.
    """
    current = read_current(ports.store, producer.id)
    inputs = tuple(_pinned(ports, name) for name in producer.definition.inputs)
    beside = current.manifest if current else None
    references = tuple(pin_references(ports, producer.definition, beside, inputs))
    return build_on(ports, producer, options, Standing(current, inputs, references), log)


def build_on(
    ports: ReleasePorts, producer: Producer, options: RunOptions, standing: Standing, log: Log
) -> Built:
    """Run a producer's `main.py` on given releases, and stage the candidate.

    Raises:
        ProducerFailed, SourceUnavailable: classified.
    """
    keeper = Keeper(ports.store, producer, log)
    request = _request(ports, producer, options, standing, keeper)
    ingredients = Ingredients(
        definition=producer.definition,
        code={
            "main_sha256": producer.main_sha256,
            "definition_sha256": producer.yaml_sha256,
            "repo": producer.definition.repo,
            "commit": options.commit,
        },
        readme=producer.readme,
        current=standing.current,
        preview_rows=options.preview_rows,
        inputs=(*standing.inputs, *standing.references),
        pending=_pending(ports, producer.id, options, standing.current, log),
        in_parts=options.in_parts,
        asked=_as_recorded(options),
        keeper=keeper,
    )
    return build_candidate(ports, ingredients, request, log)


def _as_recorded(options: RunOptions) -> dict[str, Any]:
    """The asked interval as the candidate tells it; parts are put together in any order, so of
    them it tells no more than that they are parts."""
    if options.in_parts:
        return {"in_parts": True}
    bounds = {"start": options.start_at, "end": options.end_at}
    return {name: format_instant(at) for name, at in bounds.items() if at is not None}


def _pending(
    ports: ReleasePorts,
    dataset: DatasetId,
    options: RunOptions,
    current: Release | None,
    log: Log,
) -> Candidate | None:
    """What a part is built upon; who asks for everything builds upon nothing."""
    is_everything = options.start_at is None and options.end_at is None
    if is_everything or not options.in_parts:
        return None
    return pending_candidate(ports, dataset, current, options.last, log)


def build_pushed(
    ports: ReleasePorts,
    definition: DatasetDefinition,
    batches: Iterable[pa.RecordBatch],
    *,
    readme: bytes | None,
    preview_rows: int = DEFAULT_PREVIEW_ROWS,
    log: Log = lambda level, line: None,
) -> Built:
    """Stage data at hand under a definition (`od push`, S1-56)."""
    current = read_current(ports.store, definition.id)
    beside = current.manifest if current else None
    ingredients = Ingredients(
        definition=definition,
        code={"pushed": True, "repo": definition.repo},
        readme=readme,
        current=current,
        preview_rows=preview_rows,
        inputs=tuple(pin_references(ports, definition, beside, ())),
    )
    return build_from_batches(ports, ingredients, batches, {"pyarrow": pa.__version__}, log)


def release(
    ports: ReleasePorts,
    dataset: DatasetId,
    make: Callable[[], Built],
    run: RunReference,
    say: Progress,
    *,
    force: bool = False,
) -> Released | NothingNew:
    """Build with `make`, then gate, freeze and publish; every outcome is recorded."""
    try:
        result = release_candidate(ports, dataset, make(), run, say, force=force)
    except BaseException as error:
        record_outcome_of(ports, dataset, run, error, say)
        raise
    record_outcome_of(ports, dataset, run, result, say)
    return result


def record_outcome_of(
    ports: ReleasePorts,
    dataset: DatasetId,
    run: RunReference,
    result: Released | NothingNew | BaseException,
    say: Progress,
) -> None:
    """Write down how a run ended; that writing fails is said, and changes nothing about the run."""
    try:
        record_run(ports, dataset, run, result)
    except OpenDataError as error:
        say(f"how this run ended could not be recorded: {error.message}")


def dry_run(
    ports: ReleasePorts, dataset: DatasetId, make: Callable[[], Built], say: Progress
) -> Rehearsal:
    """Everything but freezing and publishing; `ports.store` should be an overlay."""
    return rehearse(ports, dataset, make(), say)


def _request(
    ports: ReleasePorts,
    producer: Producer,
    options: RunOptions,
    standing: Standing,
    keeper: Keeper,
) -> ProduceRequest:
    definition, current = producer.definition, standing.current
    timeout = definition.timeout
    return ProduceRequest(
        id=producer.id,
        main_path=producer.main_path,
        timeout_seconds=timeout.total_seconds() if timeout else DEFAULT_TIMEOUT_SECONDS,
        start_at=options.start_at,
        end_at=options.end_at,
        previous=_release_input(ports, current) if current else None,
        inputs={str(release.id): _release_input(ports, release) for release in standing.inputs},
        secrets=_secrets(definition, options.environ),
        mirror=options.mirror,
        keep=keeper.keep_sources,
    )


def _secrets(definition: DatasetDefinition, environ: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in definition.secrets if not environ.get(name)]
    if missing:
        raise ProducerFailed(
            f"{definition.id} needs the environment variables {', '.join(missing)}",
            failure_class=FailureClass.PERMISSION,
            hint=f"export {missing[0]}=…",
        )
    return {name: environ[name] for name in definition.secrets}


def _pinned(ports: ReleasePorts, dataset: DatasetId) -> Release:
    found = read_current(ports.store, dataset)
    if found is None:
        raise NotFound(
            f"the input {dataset} was never published",
            code="input_missing",
            hint=f"od run {dataset} --publish",
        )
    return found


def _release_input(ports: ReleasePorts, pinned: Release) -> ReleaseInput:
    files = pinned.manifest.files
    return ReleaseInput(
        manifest=pinned.manifest.to_json(),
        local_files=lambda: [ports.shard_path(entry) for entry in files],
    )
