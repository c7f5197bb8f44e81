"""A folder to work in, and a published data set to read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

import opendata

RATES = pa.table(
    {
        "date": pa.array([date(2024, 1, 2), date(2024, 1, 3), date(2024, 2, 1)], pa.date32()),
        "currency": ["USD", "USD", "CHF"],
        "rate": [1.09, 1.10, None],
    }
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working folder; nothing above it is a project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rates(project: Path) -> str:
    """`me/rates@1.0.0` in the working folder's store, sharded by month."""
    (project / ".opendata" / "store").mkdir(parents=True)
    with pytest.warns(UserWarning, match="unsigned"):
        opendata.push(
            RATES,
            "me/rates",
            title="Rates",
            license="CC0-1.0",
            description="What a euro cost.",
            topics=["rates", "macro"],
            time="date",
            contract={"primary_key": ["date", "currency"]},
            release={"shard": "month"},
        )
    return "me/rates"
