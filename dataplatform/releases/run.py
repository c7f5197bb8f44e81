"""Run: one producer from its two files to a release, with its outcome recorded.

Here belongs what `od run`, `od push` and Dagster's candidate step share: which interval, which
pinned inputs and which predecessor a producer sees. The verbs themselves stand in their own files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.pending import LastBuild, pending_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.trace import RunReference
from opendata.reading.resolve import Release, read_current
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.ids import DatasetId

DEFAULT_TIMEOUT_SECONDS = 3600.0
DEFAULT_PREVIEW_ROWS = 100


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


def build(ports: ReleasePorts, producer: Producer, options: RunOptions, log: Log) -> Built:
    """Run a producer's `main.py` and stage the candidate.

    Raises:
        ProducerFailed, SourceUnavailable: classified.
        NotFound: if an input was never published.
    """
    current = read_current(ports.store, producer.id)
    inputs = [_pinned(ports, name) for name in producer.definition.inputs]
    request = _request(ports, producer, options, current, inputs)
    ingredients = Ingredients(
        definition=producer.definition,
        code={
            "main_sha256": producer.main_sha256,
            "definition_sha256": producer.yaml_sha256,
            "repo": producer.definition.repo,
            "commit": options.commit,
        },
        readme=producer.readme,
        current=current,
        preview_rows=options.preview_rows,
        inputs=tuple(inputs),
        pending=_pending(ports, producer.id, options, current, log),
        in_parts=options.in_parts,
    )
    return build_candidate(ports, ingredients, request, log)


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
    ingredients = Ingredients(
        definition=definition,
        code={"pushed": True, "repo": definition.repo},
        readme=readme,
        current=read_current(ports.store, definition.id),
        preview_rows=preview_rows,
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
    current: Release | None,
    inputs: list[Release],
) -> ProduceRequest:
    definition = producer.definition
    timeout = definition.timeout
    return ProduceRequest(
        id=producer.id,
        main_path=producer.main_path,
        timeout_seconds=timeout.total_seconds() if timeout else DEFAULT_TIMEOUT_SECONDS,
        start_at=options.start_at,
        end_at=options.end_at,
        previous=_release_input(ports, current) if current else None,
        inputs={str(release.id): _release_input(ports, release) for release in inputs},
        secrets=_secrets(definition, options.environ),
        mirror=options.mirror,
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
