"""Reading the addresses of stores: `s3://bucket/prefix`, `https://host/path`, endpoints.

Pure text work: what an address means is checked here, whether anything is there is not.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from opendata.stores.naming import check_key
from opendata.wire.errors import InvalidInput

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", re.ASCII)


@dataclass(frozen=True)
class WebAddress:
    """An `http(s)://` address without credentials, query or fragment."""

    url: str
    scheme: str
    host: str
    server: str
    """Scheme, host and port: whom error messages name."""

    @property
    def is_encrypted(self) -> bool:
        """Whether it is HTTPS."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this very machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class BucketAddress:
    """`s3://bucket/prefix`."""

    bucket: str
    prefix: str | None

    @property
    def url(self) -> str:
        """The address as typed, without a trailing slash."""
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"


def parse_web_address(text: str) -> WebAddress:
    """Read an `http(s)://` address.

    Raises:
        InvalidInput: if it is none, or carries what does not belong (credentials are a secret,
            and an address is printed everywhere).
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no web address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(
            f"{text!r} is no web address", hint="write https://host or http://host:port"
        )
    if parts.username or parts.password:
        raise InvalidInput(
            f"the address of {parts.hostname} holds a user name or password",
            hint="put credentials into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if parts.query or parts.fragment:
        raise InvalidInput(f"{text!r} is no store's address: it has a query or a fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    server = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    return WebAddress(server + parts.path.rstrip("/"), parts.scheme, parts.hostname, server)


def parse_bucket_address(text: str) -> BucketAddress:
    """Read `s3://bucket` or `s3://bucket/prefix`.

    Raises:
        InvalidInput: if the bucket's name or the prefix is malformed.
    """
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidInput(f"{bucket!r} in {text!r} is no bucket's name", hint="s3://bucket/prefix")
    prefix = prefix.strip("/")
    return BucketAddress(bucket, check_key(prefix) if prefix else None)
