"""A folder to work in, and a published data set to read."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def rates_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with `me/rates@1.0.0`, sharded by month; made once, to be copied."""
    store = tmp_path_factory.mktemp("rates") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(store.parent)
        patch.setenv("OPENDATA_STORAGE", str(store))
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
    return store


@pytest.fixture
def rates(project: Path, rates_store: Path) -> str:
    """`me/rates@1.0.0` in the working folder's store."""
    shutil.copytree(rates_store, project / ".opendata" / "store")
    return "me/rates"
