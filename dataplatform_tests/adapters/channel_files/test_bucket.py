"""A channel's files in a bucket: the suite on a real S3 server, and keys that no file may have."""

from __future__ import annotations

import contextlib
import uuid
from urllib.request import Request, urlopen

import pytest

from dataplatform.adapters.channel_files.bucket import BucketFiles
from dataplatform_tests.adapters.channel_files.conformance import ChannelFilesConformance, digest
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.wire.errors import InvalidInput, NotFound, Unavailable
from opendata.wire.paths import check_paths

pytestmark = pytest.mark.real


class TestBucketFiles(ChannelFilesConformance):
    """The suite on SeaweedFS."""

    @pytest.fixture
    def place(self, seaweed: SeaweedServer, seaweed_bucket: str) -> BucketFiles:
        """A prefix of its own."""
        return BucketFiles(f"{seaweed_bucket}/{uuid.uuid4().hex}/", seaweed.environ())

    def test_a_file_that_is_replaced_while_it_is_read_is_told(self, place: BucketFiles) -> None:
        data = bytes(12 << 20)
        place.write("a.bin", iter([data]), sha256=digest(data))
        pieces = place.stream("a.bin")
        next(pieces)
        other = b"\x01" * len(data)
        place.write("a.bin", iter([other]), sha256=digest(other))
        # Either the rest is of the old version, because it was sent already, or there is none.
        with contextlib.suppress(Unavailable):
            assert not any(any(piece) for piece in pieces)

    def test_hostile_keys_are_seen_so_that_they_can_be_refused(
        self, place: BucketFiles, seaweed: SeaweedServer
    ) -> None:
        place.write("good.txt", iter([b"1"]), sha256=digest(b"1"))
        bucket, _, prefix = place.url.removeprefix("s3://").partition("/")
        put_raw(seaweed, bucket, f"{prefix}bad\u202ename.txt")
        with pytest.raises(InvalidInput) as caught:
            check_paths([one.path for one in place.listing()])
        assert caught.value.code == "unsafe_path"

    def test_a_link_of_another_path_does_not_work(self, place: BucketFiles) -> None:
        for path in ("a.txt", "b.txt"):
            place.write(path, iter([path.encode()]), sha256=digest(path.encode()))
        link = place.links(["a.txt"], 60)[0]
        assert "X-Amz-Signature" in link
        with pytest.raises(OSError, match="403"):
            urlopen(Request(link.replace("a.txt", "b.txt")))


def put_raw(seaweed: SeaweedServer, bucket: str, key: str) -> None:
    """Put an object under a key that this project's stores would not write."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
        region_name="us-east-1",
    )
    client.put_object(Bucket=bucket, Key=key, Body=b"2")


def test_a_bucket_that_is_not_there_is_said_so(seaweed: SeaweedServer) -> None:
    place = BucketFiles("s3://no-such-bucket-here/x", seaweed.environ())
    with pytest.raises(NotFound):
        place.listing()
