"""The SDK's settings, read from the environment in this one place.

The platform has settings of its own in `dataplatform.settings`; a name that both know is read here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opendata.reading.cache import Cache, open_cache
from opendata.reading.trust import TrustRoot
from opendata.stores import find_store, open_reader
from opendata.stores.port import ObjectReader
from opendata.wire.errors import NotFound

NO_STORE_HINT = (
    "set OPENDATA_STORAGE to a folder, to s3://bucket/prefix or to a public https:// address"
)


@dataclass(frozen=True)
class Settings:
    """Where data comes from and what is trusted.

    ==================  ========================================================================
    OPENDATA_STORAGE    folder, s3://bucket/prefix, or https://… for reading; default: the
                        nearest `.opendata/store` at or above the working folder
    OPENDATA_CACHE      folder of the digest-keyed cache, or `off`; default: the user's cache
    OPENDATA_TRUST      file of trusted public keys; without it only digests are checked
    OPENDATA_REGISTRY   address of an API, which bundles are then read through (`DataIndexClient`,
                        `od bundle`); default: they are read from the store itself
    OPENDATA_API_KEY    token for that API
    OPENDATA_DEBUG      1: `od` shows the traceback of an error as well
    ==================  ========================================================================
    """

    environ: Mapping[str, str]
    cwd: Path

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process's environment now."""
        return cls(dict(os.environ), Path.cwd())

    def reader(self) -> ObjectReader:
        """The store that is configured or found.

        Raises:
            NotFound: saying where was looked and the three ways to set one.
        """
        location = find_store(self.environ, str(self.cwd))
        if location is None:
            raise NotFound(
                f"no store is set: OPENDATA_STORAGE is empty and no .opendata/store lies at or "
                f"above {self.cwd}",
                code="no_store",
                hint=NO_STORE_HINT,
            )
        return open_reader(location.url, environ=self.environ)

    @property
    def registry(self) -> str | None:
        """The API that bundles are read through, or None where they are read from the store."""
        return self.environ.get("OPENDATA_REGISTRY", "").strip() or None

    @property
    def api_key(self) -> str | None:
        """The token for it."""
        return self.environ.get("OPENDATA_API_KEY", "").strip() or None

    def cache(self) -> Cache:
        """The download cache."""
        return open_cache(self.environ)

    def trust(self) -> TrustRoot | None:
        """The trusted keys, or None where no trust root is configured.

        Raises:
            Denied: if the configured file cannot be read: an unreadable trust root trusts nobody.
        """
        path = self.environ.get("OPENDATA_TRUST")
        return TrustRoot.from_file(path) if path else None
