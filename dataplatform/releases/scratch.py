"""What goes wrong with a build's scratch and memory, in sentences.

Here belong the errors of the place where rows are kept until they are stored. What a producer or a
store does wrong is told by their own adapters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dataplatform.errors import FailureClass, ProducerFailed
from opendata.wire.errors import Unavailable
from opendata.wire.ids import DatasetId


@contextmanager
def keeping(dataset: DatasetId) -> Iterator[None]:
    """Tell a disk that does not take the rows as the platform's failure that it is.

    Raises:
        ProducerFailed: class upload.
    """
    try:
        yield
    except OSError as error:
        raise ProducerFailed(
            f"upload failure: the rows of {dataset} could not be kept: {error}",
            failure_class=FailureClass.UPLOAD,
            hint="make room for scratch (.opendata/work), then run the same command again",
        ) from error


def out_of_memory(dataset: DatasetId, error: MemoryError) -> Unavailable:
    """The error that rows do not fit into what this process may use."""
    return Unavailable(
        f"the rows of {dataset} could not be arranged: "
        f"the memory that this process may use does not suffice ({error})",
        code="out_of_memory",
        hint="yield smaller batches, or run it where more memory is free",
    )
