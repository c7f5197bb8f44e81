"""Signed addresses are those of the client library and of botocore."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.channel_files.bucket import BucketFiles
from dataplatform.adapters.channel_files.link_signing import LinkSigner, open_link_signer
from opendata.stores.s3 import open_s3_client
from opendata.wire.paths import path_fault

KEYS = {"AWS_ACCESS_KEY_ID": "AKID/+x", "AWS_SECRET_ACCESS_KEY": "secret/+="}
PLACES = {
    "a server": {**KEYS, "OPENDATA_S3_ENDPOINT": "http://127.0.0.1:8333"},
    "its usual port": {**KEYS, "OPENDATA_S3_ENDPOINT": "https://s3.example.org:443"},
    "below a path": {**KEYS, "OPENDATA_S3_ENDPOINT": "https://example.org/s3/"},
    "IPv6": {**KEYS, "OPENDATA_S3_ENDPOINT": "http://[::1]:8333", "AWS_REGION": "eu-west-1"},
    "Amazon": {**KEYS, "AWS_REGION": "eu-central-1"},
    "for a time": {**KEYS, "AWS_SESSION_TOKEN": "tok/en+==", "AWS_REGION": "us-east-1"},
}
PATHS = [
    "plain.jpg",
    "2025/06/01/img_000001.jpg",
    "camera=front/a b+c&d;e,f:g@h!$'()*~_-.jpg",
    "100%/%41.txt",
    "größe/é.png",
    "日本/🎞️.mp4",
    'a"b<c>d^e`f{g|h}i[j]#?.x',
]


def signed_by_library(url: str, environ: Mapping[str, str], paths: list[str]) -> list[str]:
    client, _ = open_s3_client(url, environ)
    return list(obstore.sign(client, "GET", paths, timedelta(seconds=900)))


def time_of(link: str) -> datetime:
    [at] = parse_qs(urlsplit(link).query)["X-Amz-Date"]
    return datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def told(link: str) -> tuple[str, dict[str, list[str]]]:
    return link.partition("?")[0], parse_qs(urlsplit(link).query)


def signer_of(url: str, environ: Mapping[str, str]) -> LinkSigner:
    signer = open_link_signer(url, environ)
    assert signer is not None
    return signer


@pytest.mark.parametrize("prefix", ["", "/images", "/with space/é=1"])
@pytest.mark.parametrize("place", PLACES)
def test_addresses_are_those_of_the_client_library(place: str, prefix: str) -> None:
    url, environ = f"s3://lake{prefix}", PLACES[place]
    theirs = signed_by_library(url, environ, PATHS)
    # Each at its own second: the library asks the clock for every one.
    ours = [
        link
        for path, other in zip(PATHS, theirs, strict=True)
        for link in signer_of(url, environ).sign([path], 900, time_of(other))
    ]
    if "AWS_SESSION_TOKEN" in environ:  # which the library puts last; the signature is the same
        assert [told(link) for link in ours] == [told(link) for link in theirs]
    else:
        assert ours == theirs


@given(path=st.text(min_size=1, max_size=40).filter(lambda path: path_fault(path) is None))
def test_so_they_are_for_every_path_that_a_file_may_have(path: str) -> None:
    url, environ = "s3://lake/images", PLACES["a server"]
    [other] = signed_by_library(url, environ, [path])
    assert list(signer_of(url, environ).sign([path], 900, time_of(other))) == [other]


@pytest.mark.parametrize("place", ["a server", "for a time"])
def test_botocore_signs_the_same(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signer = signer_of("s3://lake/images", PLACES[place])
    at = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
    [ours] = signer.sign([PATHS[2]], 900, at)
    held: Any = signer.credentials
    credentials = Credentials(held.access_key_id, held.secret_access_key, held.session_token)
    request = AWSRequest("GET", ours.partition("?")[0])
    monkeypatch.setattr(auth, "get_current_datetime", lambda **_: at)
    auth.S3SigV4QueryAuth(credentials, "s3", signer.region, expires=900).add_auth(request)
    assert parse_qs(urlsplit(request.url).query) == parse_qs(urlsplit(ours).query)


def test_fetched_credentials_and_public_buckets_are_left_to_the_library() -> None:
    fetched = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/keys", "HOME": "/none"}
    assert open_link_signer("s3://lake", fetched) is None
    public = {"AWS_SKIP_SIGNATURE": "true", "HOME": "/none"}
    assert open_link_signer("s3://lake", public) is None


def test_no_address_lasts_longer_than_a_week() -> None:
    [link] = BucketFiles("s3://lake", PLACES["a server"]).links(["a.txt"], 10**9)
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == [str(7 * 24 * 3600)]
