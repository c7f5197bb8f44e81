"""Processes that a test starts end with the test run, even if that is killed."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable

_SET_PARENT_DEATH_SIGNAL = 1


def with_parent(sent: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends this signal once the process that started it is gone."""
    library = ctypes.CDLL(None)

    def ask_the_kernel() -> None:
        library.prctl(_SET_PARENT_DEATH_SIGNAL, sent)

    return ask_the_kernel
