"""Failures: an error of ours as Dagster shows it, retried only where that can help, and recorded.

Steps ask for their retries themselves and have no retry policy: with a policy, Dagster would also
run a step again that was interrupted because somebody canceled its run.
Whatever ends a step badly also ends up in the data set's health, once per run and with the run's
id, so that pages and lists outside of Dagster show it too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from dataplatform.defs.metadata import problem_metadata
from dataplatform.defs.names import Names
from dataplatform.defs.standing import confirm_published
from dataplatform.releases.chain import record_run
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.trace import RunReference
from opendata.wire.errors import OpenDataError, Rejected
from opendata.wire.ids import DatasetId

MAX_RETRIES = 3
RETRY_SECONDS = 30.0
BY = "dagster"
StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True)
class Retries:
    """Back-off for what may be there again soon: `seconds`, and twice as long each time."""

    seconds: float = RETRY_SECONDS

    def again(self, context: StepContext, error: OpenDataError) -> dg.RetryRequested | None:
        """The request to run this step again, or None where that will not help any more."""
        attempt = context.op_execution_context.retry_number
        if not error.retryable or attempt >= MAX_RETRIES:
            return None
        wait = self.seconds * 2**attempt * random.uniform(0.8, 1.2)
        context.log.warning("%s; trying again in %.0f s", error.message, wait)
        return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait)


def failure_of(error: OpenDataError) -> dg.Failure:
    """The error as Dagster's own: sentence, hint and facts."""
    return dg.Failure(
        description=f"{error.message}\n→ {error.hint}" if error.hint else error.message,
        metadata=problem_metadata(error),
        allow_retries=False,
    )


def run_reference(context: StepContext) -> RunReference:
    """The run as releases and health name it."""
    return RunReference(context.op_execution_context.run_id, BY)


@contextmanager
def recorded(
    ports: ReleasePorts, dataset: DatasetId, context: StepContext, retries: Retries
) -> Iterator[None]:
    """Let a step fail in Dagster's words, with its outcome recorded when it is final.

    Raises:
        dg.RetryRequested: for what may be there again soon.
        dg.Failure: for every other error, expected or not.
    """

    def record(error: BaseException) -> None:
        record_failure(ports, dataset, context, error)

    with in_dagsters_words(context, retries, record):
        yield


@contextmanager
def in_dagsters_words(
    context: StepContext,
    retries: Retries,
    record: Callable[[BaseException], None] = lambda error: None,
) -> Iterator[None]:
    """Let a step fail in Dagster's words; `record` is told of what it finally fails with.

    Raises:
        dg.RetryRequested: for what may be there again soon.
        dg.Failure: for every other error, expected or not.
    """
    try:
        yield
    except OpenDataError as error:
        if again := retries.again(context, error):
            raise again from error
        record(error)
        raise failure_of(error) from error
    except Exception as error:
        record(error)
        what = f"{type(error).__name__}: {error}"
        raise dg.Failure(description=what, allow_retries=False) from error
    except BaseException:  # the run is being canceled
        record(Rejected("the run was canceled", code="canceled"))
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
