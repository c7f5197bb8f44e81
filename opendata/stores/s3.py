"""Opening S3: Cloudflare R2, SeaweedFS, Amazon and whoever else speaks the protocol.

Credentials come from the given environment alone: `AWS_ACCESS_KEY_ID` and
`AWS_SECRET_ACCESS_KEY` (with `AWS_SESSION_TOKEN`), a profile of the shared credentials file, or
what a container or web identity is given. `AWS_SKIP_SIGNATURE=true` reads a public bucket.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from obstore.store import S3Store as S3Client

from opendata.stores.addresses import BucketAddress, parse_bucket_address, parse_web_address
from opendata.stores.http import EACH_PART, ONCE, SILENCE_SECONDS, client_options
from opendata.stores.multipart import PART_BYTES
from opendata.stores.obstore_errors import Place
from opendata.stores.obstore_reader import Clients
from opendata.stores.obstore_store import ObstoreStore
from opendata.wire.errors import Denied, InvalidInput

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Credential

ENDPOINT_VARIABLES = ("OPENDATA_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
# Credentials that the client library fetches and renews by itself.
FETCHED_CREDENTIALS = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# A conditional write may wait ten seconds for its turn on a server under contention.
WRITE_SECONDS = 40
SLOWEST_UPLOAD_BYTES_PER_SECOND = 128 << 10


@dataclass(frozen=True)
class Credentials:
    """A key pair; the secret half does not show."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __call__(self) -> S3Credential:
        """What the client library asks for when it signs a request."""
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "token": self.session_token,
            "expires_at": None,
        }


@dataclass(frozen=True)
class S3Settings:
    """Everything that the environment says about S3.

    =======================  ===================================================================
    OPENDATA_S3_ENDPOINT     address of the server, for R2, SeaweedFS and others; else
                             `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`; default: Amazon's
    AWS_ACCESS_KEY_ID        the key pair, together with the next one; default: a profile of the
                             shared credentials file, or what a container or web identity is given
    AWS_SECRET_ACCESS_KEY    its secret half
    AWS_SESSION_TOKEN        for temporary credentials
    AWS_PROFILE              which profile of the credentials file; default `default`
    AWS_REGION               the region, else `AWS_DEFAULT_REGION`; default `auto` with an
                             endpoint, else `us-east-1`
    AWS_SKIP_SIGNATURE       true: read a public bucket without credentials
    =======================  ===================================================================
    """

    endpoint: str | None
    region: str
    credentials: Credentials | None
    anonymous: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> S3Settings:
        """Read the settings.

        Raises:
            InvalidInput: for an endpoint that is no web address.
            Denied: where there are no credentials at all.
        """
        endpoint = _first(environ, ENDPOINT_VARIABLES)
        region = _first(environ, REGION_VARIABLES) or ("auto" if endpoint else "us-east-1")
        anonymous = environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "yes")
        credentials = None if anonymous else find_credentials(environ)
        if not (anonymous or credentials or _first(environ, FETCHED_CREDENTIALS)):
            raise Denied(
                "there are no credentials for S3 in the environment",
                code="no_credentials",
                hint="export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… "
                "(or AWS_SKIP_SIGNATURE=true for a public bucket)",
            )
        url = parse_web_address(endpoint).url if endpoint else None
        return cls(url, region, credentials, anonymous)


def open_s3(
    url: str, environ: Mapping[str, str], *, silence_seconds: float = SILENCE_SECONDS
) -> ObstoreStore:
    """The store at `s3://bucket/prefix`; nothing is asked of the server yet.

    It sends every request once; `open_store` puts patience around it. A read whose body falls
    silent for `silence_seconds` is given up.
    """
    address = parse_bucket_address(url)
    settings = S3Settings.from_environ(environ)
    server = settings.endpoint or f"S3 ({settings.region})"
    place = Place(address.url, server, address.bucket)
    return ObstoreStore(_clients(address, settings, silence_seconds), place)


def open_s3_client(url: str, environ: Mapping[str, str]) -> tuple[S3Client, Place]:
    """The library's own client of `s3://bucket/prefix` and what messages call the place, for what
    no store does: listing keys that no store writes, and signing addresses."""
    address = parse_bucket_address(url)
    settings = S3Settings.from_environ(environ)
    server = settings.endpoint or f"S3 ({settings.region})"
    return _client(address, settings), Place(address.url, server, address.bucket)


def find_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The key pair of the environment, or of the profile that it names."""
    access_key = environ.get("AWS_ACCESS_KEY_ID")
    secret_key = environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN") or None)
    if access_key or secret_key:
        missing = "AWS_SECRET_ACCESS_KEY" if access_key else "AWS_ACCESS_KEY_ID"
        raise InvalidInput(f"{missing} is not set, but its other half is", hint=f"export {missing}")
    return _profile_credentials(environ)


def _profile_credentials(environ: Mapping[str, str]) -> Credentials | None:
    home_file = os.path.join(environ.get("HOME", ""), ".aws", "credentials")
    profiles = configparser.RawConfigParser()
    try:
        profiles.read(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home_file)
    except configparser.Error as error:
        raise InvalidInput(f"the AWS credentials file cannot be read: {error.message}") from error
    name = environ.get("AWS_PROFILE") or "default"
    if not profiles.has_section(name):
        return None
    profile = profiles[name]
    access_key, secret_key = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
    if not (access_key and secret_key):
        return None
    return Credentials(access_key, secret_key, profile.get("aws_session_token"))


def _clients(address: BucketAddress, settings: S3Settings, silence_seconds: float) -> Clients:
    @cache
    def writer(doublings: int) -> S3Client:
        seconds = WRITE_SECONDS + (1 << doublings) // SLOWEST_UPLOAD_BYTES_PER_SECOND
        return _client(address, settings, write_seconds=seconds)

    def bulk(size_bytes: int) -> S3Client:
        # One client for all writes of about a size, so that connections are used again.
        return writer(max(size_bytes, 1 << 20).bit_length())

    usual = _client(address, settings, silence_seconds=silence_seconds)
    part_seconds = WRITE_SECONDS + PART_BYTES // SLOWEST_UPLOAD_BYTES_PER_SECOND
    parts = _client(address, settings, write_seconds=part_seconds, retry=EACH_PART)
    return Clients(usual=usual, bulk=bulk, parts=parts)


def _client(
    address: BucketAddress,
    settings: S3Settings,
    *,
    silence_seconds: float = SILENCE_SECONDS,
    write_seconds: int = 0,
    retry: RetryConfig = ONCE,
) -> S3Client:
    # Whatever this process's own environment says about S3 is overruled by name, because the
    # library would read it as well.
    config: dict[str, Any] = {
        "region": settings.region,
        "skip_signature": settings.anonymous,
        "virtual_hosted_style_request": False,
        "conditional_put": "etag",
        "disable_bulk_delete": True,  # several servers lack it
    }
    if settings.endpoint:
        config |= {"endpoint": settings.endpoint, "aws_endpoint_url_s3": settings.endpoint}
    server = parse_web_address(settings.endpoint) if settings.endpoint else None
    options: Any = client_options(server, silence_seconds)
    if write_seconds:
        # While a body is sent nothing is read, so that silence says nothing: limit the whole.
        options.pop("read_timeout", None)
        options["timeout"] = timedelta(seconds=write_seconds)
    return S3Client(
        address.bucket,
        prefix=address.prefix,
        config=config,  # type: ignore[arg-type]
        client_options=options,
        retry_config=retry,
        credential_provider=settings.credentials,
    )


def _first(environ: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
