"""Where large arrays and decoded pages take their memory from.

Arrow's usual one gives pages back to the system between the many small allocations of a decode and
asks for them again, which costs as much as the decoding. Whoever chooses an allocator by
`ARROW_DEFAULT_MEMORY_POOL` keeps it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

CHOICE_VARIABLE = "ARROW_DEFAULT_MEMORY_POOL"
_NUMPY_CORE = "numpy._core.multiarray"
_lock = threading.Lock()


@contextmanager
def decoding_pool() -> Iterator[None]:
    """What is opened inside takes its memory from the pool that suits decoding.

    A Parquet reader takes a pool from Arrow's default alone, when it is made. So the default is
    another one for that moment; a buffer of another thread made meanwhile is as good as any.
    """
    if CHOICE_VARIABLE in os.environ or "jemalloc" not in pa.supported_memory_backends():
        yield
        return
    with _lock:
        usual = pa.default_memory_pool()
        pa.set_memory_pool(pa.jemalloc_memory_pool())
        try:
            yield
        finally:
            pa.set_memory_pool(usual)


@contextmanager
def usual_pages() -> Iterator[None]:
    """Large NumPy arrays made inside do not ask for huge pages.

    NumPy asks for them, and getting them takes longer than filling the array where memory is in
    pieces. Its switch is the environment's when it loads, or this one, which a version may lack.
    """
    switch = getattr(sys.modules.get(_NUMPY_CORE), "_set_madvise_hugepage", None)
    if switch is None:
        yield
        return
    with _lock:
        before = switch(False)
        try:
            yield
        finally:
            switch(before)
