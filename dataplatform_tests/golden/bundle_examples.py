"""How the golden files of bundles were made: the document's own example, with totals that add up.

Golden files are never made anew to please a change: bytes that were written once are read for ever.
Run this only to add an example of something new.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dataplatform.bundles.catalogue import entry_of
from dataplatform.bundles.document import render_document
from dataplatform.bundles.freeze import (
    UNSEALED_FREEZE,
    UNSEALED_INTEGRITY,
    Order,
    freeze_bundle,
)
from dataplatform.bundles.revisions import Revision
from dataplatform_tests.golden.examples import FOLDER, golden_signer
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.bundle import (
    BundleCatalogue,
    BundleLock,
    BundlePointer,
    DataRange,
    LeftOut,
    LockedChannel,
    SpecSource,
)
from opendata.wire.digest import prefixed

NOW = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
BASE_URL = "https://dataindex-api.company.com"
FILE = "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml"
JUNE = DataRange(start_time="2025-06-01T00:00:00Z", end_time="2025-06-15T23:59:59Z")


def _channel(name: str, folder: str, size: int, digit: str) -> LockedChannel:
    return LockedChannel(
        channel=name,
        version="1.2.0",
        requested=">=1.2,<2",
        required=True,
        data_range=JUNE,
        storage_path=f"s3://data-lake/{folder}/v1.2.0/",
        index_file=f"channels/{name}/v1.2.0/index.parquet",
        index=keys.object_key(digit * 64),
        index_bytes=4_000_000,
        checksum=prefixed(digit * 64),
        file_count=50_000,
        total_bytes=size,
    )


def golden_draft() -> BundleLock:
    """The example, as it was resolved."""
    channels = (
        _channel("image_original", "image_original", 1_200 * 10**9, "a"),
        _channel("object_array_fusion_infer", "object_array", 800 * 10**9, "d"),
        _channel("lidar_points", "lidar", 500 * 10**9, "e"),
    )
    return BundleLock(
        type="weekly",
        name="foundational_model",
        version="v1.0.0-2025.25",
        revision=1,
        spec=SpecSource(repo="DataSpecHub", commit="abc1234567" * 4, file=FILE, sha256="5" * 64),
        created_at="2025-06-20T10:30:00Z",
        channels=channels,
        left_out=(LeftOut(channel="radar", requested="*", reason="there is no such channel"),),
        total_files=150_000,
        total_bytes=2_500 * 10**9,
        integrity=UNSEALED_INTEGRITY,
        freeze=UNSEALED_FREEZE,
        spec_version="v1.1.0",
        index_version="v1.1.1",
    )


def golden_revision() -> Revision:
    """The example, frozen and signed."""
    return freeze_bundle(
        MemoryStore(),
        golden_draft(),
        observation=timedelta(days=7),
        order=Order(lambda commit: False, lambda old, new: False),
        now=NOW,
        signer=golden_signer(),
    ).revision


def golden_files() -> dict[str, bytes]:
    """Every stored value of a bundle, by the name of its golden file."""
    revision = golden_revision()
    lock = revision.lock
    pointer = BundlePointer(
        revision=1,
        lock_sha256=revision.stored_sha256,
        commit_id="0123456789abcdef" * 2,
        updated_at="2025-06-20T10:30:01Z",
        spec_commit=lock.spec.commit,
    )
    catalogue = BundleCatalogue(
        generated_at="2025-06-20T10:30:02Z", bundles=(entry_of(lock, revision.stored_sha256),)
    )
    return {
        "bundle-lock.json": revision.stored_bytes,
        "bundle-latest.json": pointer.to_bytes(),
        "bundle-index.json": catalogue.to_bytes(),
        "bundle-document.yaml": render_document(lock, BASE_URL),
    }


if __name__ == "__main__":
    for name, data in golden_files().items():
        (FOLDER / name).write_bytes(data)
