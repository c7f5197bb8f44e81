"""Commits of the spec repository become indexed bundles, in Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.defs.bundle_site import CHANNEL, PARTITION, PATH, BundleSite

pytestmark = pytest.mark.platform


@pytest.fixture
def site(tmp_path: Path) -> BundleSite:
    return BundleSite(tmp_path)


@pytest.mark.requirement("M-5", "M-9", "S0-1")
def test_a_commit_becomes_a_bundle_whose_files_are_listed(site: BundleSite) -> None:
    commit = site.begin()
    [run] = site.follow()
    assert run.succeeded, run.failures
    assert run.materialized == [f"channel_index/{CHANNEL}", "bundle_index"]
    lock = site.lock()
    assert (lock.spec.commit, lock.total_files) == (commit, 3)
    assert site.instance.get_dynamic_partitions("bundles") == [PARTITION]
