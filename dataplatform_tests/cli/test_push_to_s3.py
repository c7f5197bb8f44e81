"""Pushing to S3: what was made here is judged here, and not fetched back."""

from __future__ import annotations

import uuid
from pathlib import Path

import pyarrow as pa
import pytest

import opendata
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.cache import Cache
from opendata.reading.resolve import read_current
from opendata.stores import open_store
from opendata.wire.ids import parse_dataset_id

pytestmark = [pytest.mark.real, pytest.mark.requirement("S1-7")]

ID = "me/rain"


def test_the_shards_of_a_push_are_in_the_cache_and_never_downloaded(
    seaweed: SeaweedServer, seaweed_bucket: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_download(*asked: object, **options: object) -> None:
        raise AssertionError(f"fetched what was at hand: {asked}")

    address = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    for name, value in {**seaweed.environ(), "OPENDATA_STORAGE": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENDATA_CACHE", str(project / "cache"))
    monkeypatch.setattr("opendata.reading.cache.download", no_download)
    days = pa.array([20_454, 20_500, 20_550], pa.int32()).cast(pa.date32())
    rows = pa.table({"day": days, "mm": pa.array([1.0, 2.0, 3.0])})
    opendata.push(
        rows, ID, time="day", license="CC0-1.0", release={"shard": "month", "stable_copy": "never"}
    )
    release = read_current(open_store(address, environ=seaweed.environ()), parse_dataset_id(ID))
    assert release is not None
    assert [entry.name for entry in release.manifest.files] == ["2026-01", "2026-02", "2026-04"]
    cache = Cache(str(project / "cache"))
    assert all(cache.get(entry.sha256) for entry in release.manifest.files)
