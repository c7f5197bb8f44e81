"""Signed addresses of S3 objects, thousands at a time: AWS Signature Version 4, in the query.

The client library derives the signing key anew for every address, which is most of its work; here
a call's addresses share time, scope and key. They are the addresses that the library makes, which
a test holds. Places whose credentials the library itself has to fetch are its to sign.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlsplit

from opendata.stores.addresses import parse_bucket_address, parse_web_address
from opendata.stores.s3 import Credentials, S3Settings

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class LinkSigner:
    """Signs GETs of the objects below one address, which ends with a slash."""

    address: str
    region: str
    credentials: Credentials

    def sign(self, paths: Sequence[str], seconds: int, now: datetime) -> Iterator[str]:
        """The addresses of these paths, good for `seconds` from `now`, which is in UTC."""
        parts = urlsplit(self.address)
        host = parts.netloc if parts.port != _PORTS[parts.scheme] else str(parts.hostname)
        server = f"{parts.scheme}://{host}"
        at = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        query = self._query(at, scope, seconds)
        rest = f"\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        before = f"{_ALGORITHM}\n{at}\n{scope}\n"
        key = self._key(at[:8])
        for path in paths:
            place = parts.path + quote(path)
            request = sha256(f"GET\n{place}{rest}".encode()).hexdigest()
            signature = hmac.digest(key, (before + request).encode(), "sha256").hex()
            yield f"{server}{place}?{query}&X-Amz-Signature={signature}"

    def _query(self, at: str, scope: str, seconds: int) -> str:
        token = self.credentials.session_token
        named = {
            "Algorithm": _ALGORITHM,
            "Credential": f"{self.credentials.access_key_id}/{scope}",
            "Date": at,
            "Expires": str(seconds),
            **({"Security-Token": token} if token else {}),
            "SignedHeaders": "host",
        }
        return "&".join(f"X-Amz-{name}={quote(value, safe='')}" for name, value in named.items())

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.credentials.secret_access_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def open_link_signer(url: str, environ: Mapping[str, str]) -> LinkSigner | None:
    """What signs addresses of `s3://bucket/prefix`; None where only the client library can.

    Raises:
        InvalidInput, Denied: as `open_s3` does.
    """
    place = parse_bucket_address(url)
    settings = S3Settings.from_environ(environ)
    if settings.credentials is None:
        return None
    endpoint = settings.endpoint or f"https://s3.{settings.region}.amazonaws.com"
    server = parse_web_address(endpoint)
    below = "/".join(filter(None, (place.bucket, place.prefix)))
    return LinkSigner(f"{server.url}/{quote(below)}/", settings.region, settings.credentials)
