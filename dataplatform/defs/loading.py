"""Loading: how a process that loads a thousand data sets spends its time on them alone.

Here belongs what concerns the process and not the definitions.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas

OBJECTS_BETWEEN_LOOKS: Final = 50_000


@contextmanager
def to_stay() -> Iterator[None]:
    """Make what lives as long as the process, without looking for garbage among it, and without
    pandas, which Arrow would import for the first value of a contract.

    Python looks through everything again and again while much is being made, which was a sixth of
    the time; definitions leave nothing to be found. Once made they are set apart, so that later
    looks, in a code server that runs for weeks, do not go through them either. And these looks
    become rarer, because Dagster resolves the graph and describes it only after this.
    """
    delay_pandas()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN_LOOKS, *gc.get_threshold()[1:])
        if was_on:
            gc.enable()
