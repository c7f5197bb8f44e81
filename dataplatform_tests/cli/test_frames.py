"""Data at hand as batches: those of a file of wide rows are small, however it is cut itself."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.cli.frames import BATCH_BYTES, as_reader

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-89")]


def test_a_file_of_wide_rows_comes_in_batches_of_bounded_size(tmp_path: Path) -> None:
    texts = [f"{number:09} " * 1_000 for number in range(8_000)]
    path = tmp_path / "pages.parquet"
    pq.write_table(pa.table({"text": texts}), path, use_dictionary=False)
    batches = list(as_reader(path))
    assert sum(batch.num_rows for batch in batches) == len(texts)
    assert len(batches) > 1
    assert max(batch.nbytes for batch in batches) <= 1.1 * BATCH_BYTES
