"""A bundle whose store and files lie on a real S3 server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dataplatform_tests.bundles.bench import PATH, Bench, bundle_text
from dataplatform_tests.bundles.drafts import signer
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.bundles import find_bundle
from opendata.stores import open_store

pytestmark = [pytest.mark.real, pytest.mark.requirement("S0-30", "S0-34", "S0-82", "S0-85", "B20")]
NEVER = 10**6
FILES = {f"2025/06/01/{hour:02}/img_{hour:03}.jpg": b"%d" % hour * 100 for hour in range(6)}


@pytest.fixture
def bench(tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str) -> Bench:
    environ = seaweed.environ()
    place = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    lake = open_store(f"{place}/lake", environ=environ)
    for path, data in FILES.items():
        lake.put(path, data)
    store = open_store(f"{place}/store", environ=environ)
    bench = Bench(tmp_path, store=store, signer=signer(), environ=environ)
    channel = f'channel: images\nversion: "1.2.0"\nstorage_path: {place}/lake/\n'
    asked = "  - {channel: images, version: '*', data_range: {end_time: '2025-06-01T04:00:00Z'}}\n"
    bench.commit({"channels/images/spec-1.2.0.yaml": channel, PATH: bundle_text(asked)})
    return bench


def test_a_bundle_on_s3_is_indexed_once_and_killed_at_the_end_is_finished(bench: Bench) -> None:
    crashing = CrashingStore(bench.store, NEVER)
    lock = bench.with_store(crashing).index().lock
    assert lock.total_files == 5
    assert lock.total_bytes == sum(map(len, list(FILES.values())[:5]))
    [images] = lock.channels
    assert images.storage_path.startswith("s3://")
    verify_bundle(find_bundle(bench.store, "model").lock, signer().trust())
    again = CrashingStore(bench.store, NEVER)
    assert not bench.with_store(again).index().changed
    # A collection's journals are looked for before the pointer is, which writes nothing.
    assert again.writes == 0


@pytest.mark.parametrize("at_write", [1, 4, 7, 9])
def test_killed_on_the_way_readers_have_all_or_nothing(bench: Bench, at_write: int) -> None:
    with pytest.raises(SimulatedCrash):
        bench.with_store(CrashingStore(bench.store, at_write)).index()
    done = bench.index()
    assert find_bundle(bench.store, "model").lock == done.lock
    assert done.lock.total_files == 5
