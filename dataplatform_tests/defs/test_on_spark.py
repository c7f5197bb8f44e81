"""A channel's step in a run of its own process, on a real Spark, gives the index of any engine.

Such a run has to start Spark beside itself and to end it; neither shows in a run inside a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from dataplatform_tests.defs.bundle_site import CHANNEL, BundleSite
from dataplatform_tests.house.tree import ROOT
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.wire.channel import ChannelIndex
from opendata.wire.version import parse_version

pytestmark = pytest.mark.real
SECONDS = 300


def materialize(site: BundleSite, home: Path) -> subprocess.CompletedProcess[str]:
    """The channel's step as a terminal launches it: definitions, run and Spark of a new process."""
    home.mkdir(exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if "OPENDATA" not in name}
    environ |= {
        "DAGSTER_HOME": str(home),
        "OPENDATA_CACHE": "off",
        "OPENDATA_SPEC_REPO": str(site.specs.remote),
        "OPENDATA_SPARK_MASTER": "local[2]",
        "OPENDATA_STORAGE": site.store.url,
        "PYTHONPATH": str(ROOT),
    }
    words = ["asset", "materialize", "-m", "dataplatform.definitions", "-a", "defs"]
    return subprocess.run(
        [sys.executable, "-m", "dagster", *words, "--select", f'key:"channel_index/{CHANNEL}"'],
        cwd=site.root, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def index_of(site: BundleSite) -> ChannelIndex:
    index = read_channel_pointer(site.store, CHANNEL, parse_version("1.2.0"))
    assert index is not None
    return index


@pytest.mark.requirement("B45", "M-5", "S0-41")
def test_a_launched_step_indexes_on_spark_as_the_spec_says(tmp_path: Path) -> None:
    site = BundleSite(tmp_path)
    site.fill(count=24)
    site.begin(engine="spark")
    done = materialize(site, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-4000:]
    on_spark = index_of(site)
    assert (on_spark.engine, on_spark.total_files) == ("spark", 24)
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        [event] = instance.fetch_materializations(
            dg.AssetKey(["channel_index", CHANNEL]), limit=5
        ).records
        shown = event.asset_materialization
        assert shown is not None
        assert shown.metadata["engine"].value == "spark"
        assert shown.tags is not None
        assert shown.tags["dagster/data_version"] == on_spark.index_sha256
    # Nothing changed, so nothing is described and no Spark is started.
    before = logs_of(site)
    assert len(before) == 1
    assert materialize(site, tmp_path / "home").returncode == 0
    assert logs_of(site) == before
    assert processes_below(site) == []
    # The same files without Spark give the same bytes.
    other = BundleSite(tmp_path / "other")
    other.fill(count=24)
    other.begin()
    assert [run.succeeded for run in other.follow()] == [True]
    assert (index_of(other).engine, index_of(other).index_sha256) == (
        "local",
        on_spark.index_sha256,
    )


def logs_of(site: BundleSite) -> list[str]:
    """The logs of the Sparks that were started for a site."""
    return sorted(str(one) for one in (site.root / ".opendata" / "work" / "spark").glob("*.log"))


def processes_below(site: BundleSite) -> list[str]:
    """The command lines of processes that work in a site's folder still."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            words = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(site.root) in words:
            found.append(words)
    return found
