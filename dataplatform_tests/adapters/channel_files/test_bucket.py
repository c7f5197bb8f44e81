"""A channel's files in a bucket: the suite on a real S3 server, and keys that no file may have."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from obstore.exceptions import GenericError

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

    def test_a_listing_that_breaks_off_goes_on_where_it_was(
        self, place: BucketFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dataplatform.adapters.channel_files.bucket.PIECE_FILES", 2)
        paths = [f"{folder}/{at}.txt" for folder in ("a", "b", "é") for at in range(3)]
        for path in paths:
            place.write(path, iter([b"1"]), sha256=digest(b"1"))
        client = BreakingClient(place._client)
        monkeypatch.setattr(place, "_client", client)
        assert sorted(told(place)) == sorted(paths)
        assert client.offsets == [None, "a/1.txt", "b/0.txt"]
        assert [file.path for file in place.listing()] == sorted(paths)

    def test_a_listing_in_another_order_begins_again(
        self, place: BucketFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [f"{at}.txt" for at in range(5)]
        for path in paths:
            place.write(path, iter([b"1"]), sha256=digest(b"1"))
        client = BreakingClient(place._client)
        client.is_mixed_up = True
        monkeypatch.setattr(place, "_client", client)
        assert sorted(told(place)) == sorted(paths)
        assert client.offsets == [None] * 3

    def test_a_link_of_another_path_does_not_work(self, place: BucketFiles) -> None:
        for path in ("a.txt", "b.txt"):
            place.write(path, iter([path.encode()]), sha256=digest(path.encode()))
        link = place.links(["a.txt"], 60)[0]
        assert "X-Amz-Signature" in link
        with pytest.raises(OSError, match="403"):
            urlopen(Request(link.replace("a.txt", "b.txt")))


class BreakingClient:
    """A client whose first two listings break off behind a page; keys come last first where it
    `is_mixed_up`."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.broken = 0
        self.is_mixed_up = False
        self.offsets: list[str | None] = []

    def list(self, *, offset: str | None, chunk_size: int) -> Iterator[Any]:
        """The pages of the real one, until it breaks."""
        self.offsets.append(offset)
        for page in self._client.list(offset=offset, chunk_size=chunk_size):
            yield page[::-1] if self.is_mixed_up else page
            if self.broken < 2:
                self.broken += 1
                raise GenericError("connection reset by peer")


def told(place: BucketFiles) -> list[str]:
    """The paths of all pieces since the listing last began."""
    found: list[str] = []
    for piece in place.pieces():
        found = [*found, *(file.path for file in piece)] if piece else []
    return found


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
