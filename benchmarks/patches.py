"""Patches: a thousand records of a large release corrected, beside a bare rewrite of their shards.

The peer does the least that changes a Parquet file: read the shards that hold the records, write
them again with the same compression. Ours is everything between the patch and the moved pointer:
find the records, rewrite and hash their shards, store them durably, contract, quality, comparison,
manifest, publish.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.cases import SECONDS, Action, Case, Contender, Goal
from benchmarks.writes import ID, platform_at, push_file, scratch_in
from opendata.reading.resolve import read_current
from opendata.wire.ids import parse_dataset_id

RECORDS: Final = 1_000
EVERY_MONTH: Final = "spread"
ONE_QUARTER: Final = "quarter"
_MONTHS: Final = 36
_QUARTER: Final = 3


def _prepare(folder: Path, scale: float) -> None:
    """A published release of 36 months, which every contender copies."""
    if (folder / "ready").exists():
        return
    tables.write_plain(folder / "plain.parquet", _rows(scale))
    push_file(folder / "plain.parquet", folder / "store")
    (folder / "ready").write_text(str(_rows(scale)), encoding="utf-8")


def _rows(scale: float) -> int:
    return int(tables.FULL_ROWS * scale)


def _ids(folder: Path, where: str) -> list[int]:
    """The records to correct: ids rise with time, so a range of ids is a range of months."""
    rows = int((folder / "ready").read_text(encoding="utf-8"))
    last = rows if where == EVERY_MONTH else rows * _QUARTER // _MONTHS * 97 // 100
    return np.linspace(0, last - 1, RECORDS).astype(int).tolist()


def _patch(where: str) -> Contender:
    def contender(folder: Path) -> Action:
        from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
        from dataplatform.cli.patching import publish_patch
        from dataplatform.releases.chain import Released
        from dataplatform.releases.patching.parse import read_patch

        delay_pandas()  # as the command does
        records: list[dict[str, Any]] = [
            {"id": at, "reading": at / 7, "valid": False} for at in _ids(folder, where)
        ]
        patch = read_patch([{"op": "UPSERT_RECORD", "records": records}])
        stack, scratch = _copy(folder)
        platform = platform_at(scratch, folder / "plain.parquet")
        dataset = parse_dataset_id(ID)
        current = read_current(platform.ports.store, dataset)
        assert current is not None
        for entry in current.manifest.files:
            platform.ports.shard_path(entry)  # hashed when they were published; this is a copy

        def action() -> dict[str, float]:
            with stack:
                result = publish_patch(
                    platform, dataset, patch, scratch, lambda *told: None, lambda step: None
                )
                assert isinstance(result, Released), result
                assert result.change.rows is not None
                assert result.change.rows.changed == RECORDS
                return {"shards_written": float(result.checked.built.written)}

        return action

    return contender


def _rewrite(where: str) -> Contender:
    def contender(folder: Path) -> Action:
        stack, scratch = _copy(folder)
        platform = platform_at(scratch, folder / "plain.parquet")
        current = read_current(platform.ports.store, parse_dataset_id(ID))
        assert current is not None
        files = current.manifest.files
        paths = [platform.ports.shard_path(entry) for entry in files]
        touched = paths if where == EVERY_MONTH else paths[:_QUARTER]

        def action() -> dict[str, float]:
            with stack:
                for at, path in enumerate(touched):
                    table = pq.read_table(path, partitioning=None)
                    pq.write_table(table, scratch / f"{at}.parquet", compression="zstd")
                return {"shards_written": float(len(touched))}

        return action

    return contender


def _copy(folder: Path) -> tuple[contextlib.ExitStack, Path]:
    stack = contextlib.ExitStack()
    scratch = stack.enter_context(scratch_in(folder))
    shutil.copytree(folder / "store", scratch / "store")
    return stack, scratch


def _case(name: str, title: str, where: str) -> Case:
    return Case(
        name=name,
        title=title,
        prepare=_prepare,
        contenders={"od patch": _patch(where), "pyarrow": _rewrite(where)},
        goals=(Goal(f"{name}, seconds", SECONDS, "od patch", "pyarrow", at_most=1.2),),
        versions=("pyarrow", "duckdb"),
    )


CASES: tuple[Case, ...] = (
    _case(
        "patch-quarter",
        "Patch: 1,000 records of 20 M rows corrected, all in three of 36 monthly shards",
        ONE_QUARTER,
    ),
    _case(
        "patch-spread",
        "Patch: 1,000 records of 20 M rows corrected, spread over all 36 monthly shards",
        EVERY_MONTH,
    ),
)
