"""What every `RunRequests` promises, as one function: for the fake and the real one alike."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from dataplatform.bundles.ports import RunRequests
from dataplatform.bundles.requests import BundleRequest


@dataclass(frozen=True)
class SeenRun:
    """A run as the control room shows it: by its key, with the channels that are steps of it."""

    id: str
    key: str
    channels: frozenset[str]
    under_way: bool


def check_run_requests(
    runs: RunRequests,
    request: BundleRequest,
    known: str,
    seen: Callable[[], Collection[SeenRun]],
    partitions: Callable[[], Collection[str]],
) -> None:
    """One launch is one run under way, under the request's key, with its partition; of the channels
    those are steps that the control room has. `known` is one that it has."""
    before = {run.id for run in seen()}
    run_id = runs.launch(request, (known, "channel_that_nobody_has"))
    [made] = [run for run in seen() if run.id not in before]
    assert made == SeenRun(run_id, request.run_key, frozenset({known}), under_way=True)
    assert request.partition in partitions()
