"""What bundles stored once is read for ever, and documents keep their exact shape."""

from __future__ import annotations

import json

import pytest
import yaml

from dataplatform.bundles.document import ENDPOINTS, render_document
from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform_tests.golden.bundle_examples import BASE_URL, FILE, golden_draft, golden_files
from dataplatform_tests.golden.examples import golden, golden_signer
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.signature import Trusted
from opendata.wire.bundle import BundleCatalogue, BundleLock, BundlePointer, read_lock
from opendata.wire.codec import read_wire, replace
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt

#: The document of the two repositories' linkage, with a commit in full and totals that add up.
AGREED = """\
meta:
  bundle_name: foundational_model
  bundle_version: "v1.0.0-2025.25"
  bundle_type: weekly
  spec_source:
    repo: "DataSpecHub"
    commit: "abc1234567abc1234567abc1234567abc1234567"
    file: "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml"
  created_at: "2025-06-20T10:30:00Z"
  data_volume: "2.5TB"
  total_files: 150000

data_manifest:
  - channel: image_original
    version: "1.2.0"
    data_range:
      start_time: "2025-06-01T00:00:00Z"
      end_time: "2025-06-15T23:59:59Z"
    storage_path: "s3://data-lake/image_original/v1.2.0/"
    index_file: "channels/image_original/v1.2.0/index.parquet"
    file_count: 50000
    total_size: "1.2TB"
    checksum: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""
ACCESS = """\
access_config:
  base_url: "https://dataindex-api.company.com"
  authentication: "bearer_token"
  endpoints:
    list_files: "/api/v1/bundles/{bundle_name}/files"
    download_batch: "/api/v1/bundles/{bundle_name}/download"
    streaming: "/api/v1/bundles/{bundle_name}/stream"
"""


def lock() -> BundleLock:
    return read_lock(golden("bundle-lock.json"), "bundle-lock.json")


@pytest.mark.requirement("S0-1", "S0-16")
@pytest.mark.parametrize("name", golden_files())
def test_what_is_made_now_is_what_was_made_then(name: str) -> None:
    assert golden_files()[name] == golden(name)


@pytest.mark.requirement("S0-85")
def test_every_stored_value_is_read_and_written_as_the_same_bytes() -> None:
    assert lock().to_bytes() == golden("bundle-lock.json")
    for kind, name in (
        (BundlePointer, "bundle-latest.json"),
        (BundleCatalogue, "bundle-index.json"),
    ):
        data = golden(name)
        assert read_wire(kind, data, name).to_bytes() == data
        newer = json.dumps(json.loads(data) | {"added_later": 1}).encode()
        assert read_wire(kind, newer, name).to_bytes() == data


@pytest.mark.requirement("S0-85")
def test_the_golden_signature_still_holds() -> None:
    assert verify_bundle(lock(), golden_signer().trust()) is Trusted.SIGNATURE
    pointer = read_wire(BundlePointer, golden("bundle-latest.json"), "latest.json")
    assert pointer.lock_sha256 == digest_of(golden("bundle-lock.json"))


@pytest.mark.requirement("S0-85")
def test_no_flipped_bit_in_a_lock_s_body_goes_unseen() -> None:
    data = golden("bundle-lock.json")
    starts = [data.index(f'"{block}":{{'.encode()) for block in ("freeze", "integrity")]
    ends = [data.index(b',"', data.index(b"}", start)) for start in starts]
    uncovered = {at for start, end in zip(starts, ends, strict=True) for at in range(start, end)}
    signed = data.index(b'"integrity":{')
    uncovered |= set(range(signed, data.index(b'"left_out"', signed)))
    for at in set(range(0, len(data), 3)) - uncovered:
        flipped = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        with pytest.raises(Corrupt):
            read_lock(flipped, "revisions/000001.json")


@pytest.mark.requirement(
    "S0-16", "S0-17", "S0-18", "S0-19", "S0-20", "S0-21", "S0-22", "S0-23", "S0-24", "S0-25",
    "S0-26", "S0-27", "S0-28", "S0-29", "S0-30", "S0-31", "S0-32", "S0-33", "S0-34", "S0-35",
    "S0-36", "S0-37", "S0-38", "S0-39", "S0-40", "B16",
)  # fmt: skip
def test_the_document_has_the_agreed_shape_to_the_byte() -> None:
    text = golden("bundle-document.yaml").decode()
    assert text.startswith(AGREED)
    assert text.endswith("\n\n" + ACCESS)
    document = yaml.safe_load(text)
    assert list(document) == ["meta", "data_manifest", "access_config"]
    assert document["meta"]["total_files"] == sum(
        one["file_count"] for one in document["data_manifest"]
    )
    assert document["access_config"]["endpoints"] == ENDPOINTS


def test_a_document_can_be_asked_for_again() -> None:
    spec = parse_bundle_spec(golden("bundle-document.yaml"), FILE)
    assert [one.name for one in spec.channels] == [one.channel for one in golden_draft().channels]
    assert (spec.meta.total_files, spec.meta.data_volume) == (150_000, "2.5TB")


def test_text_that_means_something_in_yaml_stays_text() -> None:
    odd_path = 's3://a "b"\\c: #d/{e}/\u2028\U0001f4f7'
    channel = replace(golden_draft().channels[0], storage_path=odd_path, version="1.0.0")
    spec = replace(golden_draft().spec, repo="yes", file="null", commit=None)
    odd = replace(golden_draft(), channels=(channel,), spec=spec)
    document = yaml.safe_load(render_document(odd, f"{BASE_URL}/?a: b"))
    assert document["data_manifest"][0]["storage_path"] == channel.storage_path
    assert document["data_manifest"][0]["version"] == "1.0.0"
    assert document["meta"]["spec_source"] == {"repo": "yes", "commit": None, "file": "null"}
    assert document["access_config"]["base_url"] == f"{BASE_URL}/?a: b"
