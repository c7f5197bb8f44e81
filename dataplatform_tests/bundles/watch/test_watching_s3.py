"""Watching a channel whose files lie in a bucket, with a mirror in another: a real S3 server."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.bundles.watch.completeness import measure_completeness
from dataplatform.bundles.watch.damage import read_damage
from dataplatform.bundles.watch.mend import apply_repair
from dataplatform.bundles.watch.monitoring import StorageSettings
from dataplatform.bundles.watch.repair import plan_repair
from dataplatform.bundles.watch.scrub import scrub
from dataplatform.bundles.watch.storage import storage_health
from dataplatform_tests.bundles.watch.site import Site
from dataplatform_tests.reading.file_index.lake import put_bundle
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import open_store
from opendata.wire.bundle import DataRange, LockedChannel

pytestmark = pytest.mark.real


@pytest.mark.requirement("S0-73", "S0-74", "S0-85")
def test_what_is_lost_and_damaged_in_a_bucket_is_found_and_fetched_again(
    tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str
) -> None:
    lake, mirror = (f"{seaweed_bucket}/{uuid.uuid4().hex}/" for _ in range(2))
    environ = seaweed.environ()
    site = Site(tmp_path)
    channels = dataclasses.replace(
        site.ports.channels,
        open_files=lambda path: open_channel_files(path, environ, root=str(tmp_path)),
        environ=environ,
    )
    site.ports = dataclasses.replace(site.ports, channels=channels)
    site.deliver(hours=2)
    for address in (lake, mirror):
        store = open_store(address, environ=environ)
        for path in site.paths():
            store.put(path, (site.lake / path).read_bytes())
    lock = site.publish(2, site.spec(storage_path=lake, mirrors=[mirror]))
    assert storage_health(site.ports, [lock], now=site.now).passed

    lost, bad = site.paths()[0], site.paths()[5]
    store = open_store(lake, environ=environ)
    data = bytearray((site.lake / bad).read_bytes())
    data[0] ^= 1
    store.put(bad, bytes(data))
    store.delete(lost)
    settings = StorageSettings(verify_within=timedelta(0))
    found = scrub(site.ports, [lock], settings=settings, now=site.now)
    assert [one.rpartition("v1.2.0/")[2] for one in found.damaged] == [bad]

    plan = plan_repair(site.ports, lock, now=site.now, specs=site.find_spec)
    mended = apply_repair(site.ports, plan, now=site.now)
    assert (sorted(mended.fetched), mended.failed) == ([lost, bad], [])
    measured = measure_completeness(site.ports, lock, now=site.now, specs=site.find_spec)
    assert measured.ratio == 1.0
    assert read_damage(site.store, "images", "1.2.0") == {}


@pytest.mark.requirement("S0-73")
def test_a_bucket_that_refuses_is_named_and_makes_the_channel_unmeasured(
    tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str
) -> None:
    site = Site(tmp_path)
    site.deliver(hours=1)
    lock = site.publish(hours=1)
    elsewhere = "s3://no-such-bucket-here/images/"
    moved: LockedChannel = LockedChannel(
        **{
            **{name: getattr(lock.channels[0], name) for name in LockedChannel.__struct_fields__},
            "storage_path": elsewhere,
            "data_range": DataRange(),
        }
    )
    lock = put_bundle(site.store, [moved], name="model")
    channels = dataclasses.replace(
        site.ports.channels,
        open_files=lambda path: open_channel_files(path, seaweed.environ(), root=str(tmp_path)),
    )
    site.ports = dataclasses.replace(site.ports, channels=channels)
    (place,) = storage_health(site.ports, [lock], now=site.now).places
    assert place.problem is not None
    measured = measure_completeness(site.ports, lock, now=site.now, specs=site.find_spec)
    assert measured.channels[0].problem is not None
