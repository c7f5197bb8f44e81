"""Failures: an error of ours as Dagster shows it, retried only where that can help, and recorded.

Whatever ends a step badly also ends up in the data set's health, once per run and with the run's
id, so that pages and lists outside of Dagster show it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dataplatform.defs.metadata import problem_metadata
from dataplatform.defs.names import Names
from dataplatform.defs.standing import confirm_published
from dataplatform.releases.chain import record_run
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.trace import RunReference
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import DatasetId

MAX_RETRIES = 3
RETRY_SECONDS = 30.0
BY = "dagster"
StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def retry_policy(seconds: float = RETRY_SECONDS) -> dg.RetryPolicy:
    """Back-off for what may be there again soon; every other failure forbids its retry."""
    return dg.RetryPolicy(
        max_retries=MAX_RETRIES,
        delay=seconds,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )


def failure_of(error: OpenDataError) -> dg.Failure:
    """The error as Dagster's own: sentence, hint, facts, and whether trying again may help."""
    return dg.Failure(
        description=f"{error.message}\n→ {error.hint}" if error.hint else error.message,
        metadata=problem_metadata(error),
        allow_retries=error.retryable,
    )


def run_reference(context: StepContext) -> RunReference:
    """The run as releases and health name it."""
    return RunReference(context.op_execution_context.run_id, BY)


@contextmanager
def recorded(ports: ReleasePorts, dataset: DatasetId, context: StepContext) -> Iterator[None]:
    """Let a step fail in Dagster's words, with its outcome recorded when it is final.

    Raises:
        dg.Failure: for every error; unexpected ones are never retried.
    """
    try:
        yield
    except OpenDataError as error:
        if not _comes_back(context, error):
            record_failure(ports, dataset, context, error)
        raise failure_of(error) from error
    except dg.Failure:
        raise
    except Exception as error:
        record_failure(ports, dataset, context, error)
        what = f"{type(error).__name__}: {error}"
        raise dg.Failure(description=what, allow_retries=False) from error
    except BaseException as interrupt:  # a canceled run
        record_failure(ports, dataset, context, interrupt)
        raise


def record_failure(
    ports: ReleasePorts, dataset: DatasetId, context: StepContext, error: BaseException
) -> None:
    """Record how a run failed; a store that is gone as well must not hide why."""
    try:
        record_run(ports, dataset, run_reference(context), error)
        confirm_published(ports, Names(dataset), context.instance)
    except OpenDataError as second:
        context.log.error("the outcome could not be recorded: %s", second.message)


def _comes_back(context: StepContext, error: OpenDataError) -> bool:
    attempts = context.op_execution_context.retry_number
    return error.retryable and attempts < MAX_RETRIES
