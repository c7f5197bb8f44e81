"""A request's bundle is read at its commit, the channels where the branch stands by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.bundles.asked import ask_for
from dataplatform.bundles.asked_channels import step_channels
from dataplatform.bundles.changes import find_requests
from dataplatform.bundles.index import index_bundle
from dataplatform_tests.bundles.bench import PATH, Bench, bundle_text
from opendata.wire.errors import Rejected


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.pictures("images", 3)
    return made


@pytest.mark.requirement("B5")
def test_a_channel_that_is_committed_after_its_bundle_is_found(bench: Bench) -> None:
    asked = bench.commit({PATH: bundle_text()})
    bench.commit(bench.channel_spec("images"))
    (request,) = find_requests(bench.specs, None).requests
    assert request.commit == asked
    assert step_channels(bench.specs, bench.store, request) == ("images",)
    done = index_bundle(bench.ports, request)
    assert (done.lock.total_files, done.lock.spec.commit) == (3, asked)


def test_a_channel_that_is_mended_needs_no_new_commit_of_the_bundle(bench: Bench) -> None:
    wrong = bench.channel_spec("images", more='pattern: "{year}/{month}/{day}/{n}.jpg"\n')
    bench.commit({PATH: bundle_text(), **wrong})
    with pytest.raises(Rejected) as refused:
        bench.index()
    assert refused.value.code == "unread_files"
    bench.commit(bench.channel_spec("images"))
    assert bench.index().lock.total_files == 3


def test_a_commit_that_was_dropped_reads_its_own_channels(bench: Bench) -> None:
    (request,) = find_requests(bench.specs, None).requests if bench.ask() else ()
    rewritten = bench.specs.commit({"README.md": "anew"}, parents=[])
    bench.specs.reset(rewritten)
    bench.specs.head()
    assert ask_for(bench.specs, request).commit == request.commit


def test_whoever_names_a_commit_has_channels_read_there(bench: Bench) -> None:
    first = bench.ask()
    bench.commit(bench.channel_spec("images", "1.3.0"))
    (request,) = find_requests(bench.specs, None).requests
    assert ask_for(bench.specs, request, first).commit == first
