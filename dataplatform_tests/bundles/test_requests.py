"""A request names its run and its partition, whatever its file is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.requests import BundleRequest, is_bundle_file
from opendata.wire.errors import InvalidInput

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
NAMES = st.binary(min_size=1, max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))
PATHS = NAMES.map(lambda name: f"bundles/{name}.yaml")


@pytest.mark.requirement("S0-5", "S0-6", "S0-16")
def test_a_request_names_its_bundle() -> None:
    request = BundleRequest("bundles/weekly/foundational_model-v1.0.0-2025.25.yaml", COMMIT)
    assert request.run_key == f"{COMMIT}:bundles/weekly/foundational_model-v1.0.0-2025.25.yaml"
    assert request.partition == "weekly/foundational_model-v1.0.0-2025.25" == str(request.ref)
    assert (request.ref.type, request.ref.name) == ("weekly", "foundational_model")


def test_a_file_that_names_no_bundle_still_has_a_partition() -> None:
    request = BundleRequest("bundles/weekly/deep/100% sure....yaml", COMMIT)
    assert request.partition == "weekly/deep/100%25 sure%2E%2E%2E"
    with pytest.raises(InvalidInput):
        _ = request.ref


@pytest.mark.platform
@given(PATHS)
def test_dagster_takes_every_partition_and_run_key(path: str) -> None:
    from dagster._core.definitions.partitions.utils import (
        raise_error_on_invalid_partition_key_substring as refuse_illegal,
    )

    request = BundleRequest(path, COMMIT)
    refuse_illegal([request.partition])
    assert "|" not in request.partition
    request.partition.encode()
    request.run_key.encode()


@given(PATHS, PATHS)
def test_no_two_files_share_a_partition(one: str, other: str) -> None:
    partitions = {BundleRequest(path, COMMIT).partition for path in (one, other)}
    assert len(partitions) == len({one, other})


@pytest.mark.requirement("S0-3")
@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("bundles/weekly/a-v1.0.0.yaml", True),
        ("bundles/a.yaml", True),
        ("bundles/a/b/c.yaml", True),
        ("bundles/ünï/-x;$(y).yaml", True),
        ("bundles/no-utf8-\udcff.yaml", True),
        ("bundles/weekly/a.yml", False),
        ("bundles/README.md", False),
        ("channels/bundles/a.yaml", False),
        ("bundles.yaml", False),
        ("bundles/../secrets.yaml", False),
        ("bundles//a.yaml", False),
        ("/bundles/a.yaml", False),
        ("bundles/nul\0.yaml", False),
        ("bundles/\ud800.yaml", False),
        ("", False),
    ],
)
def test_which_files_ask_for_bundles(path: str, *, is_one: bool) -> None:
    assert is_bundle_file(path) is is_one
