"""The platform's settings: every environment variable, typed, read once.

Names that the SDK knows too (`OPENDATA_STORAGE`, `OPENDATA_CACHE`, `OPENDATA_TRUST`, `AWS_*`) mean
the same here. Nothing else in the platform reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dataplatform.contracts.duration import parse_duration
from dataplatform.releases.defaults import DEFAULT_PREVIEW_ROWS, DEFAULT_TTL, TTL_MIN
from opendata.reading.trust import TrustRoot
from opendata.stores import StoreLocation, find_store
from opendata.wire.errors import InvalidInput

LOCAL_FOLDER = ".opendata"
DEFAULT_API_URL = "http://127.0.0.1:8000"
DEFAULT_SPEC_SECONDS = 30
SPEC_SECONDS_MIN = 5
DEFAULT_DAGSTER_URL = "http://127.0.0.1:3000"


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    ======================  ====================================================================
    OPENDATA_STORAGE        where releases live; default: the nearest `.opendata/store`, else a
                            new one in the working folder
    OPENDATA_PRODUCERS      folder of producers; default `producers`
    OPENDATA_MIRROR         folder or URL that answers source downloads instead of the sources
    OPENDATA_SIGNING_KEY    `env:NAME` or `file:PATH` of the private key; default: unsigned
    OPENDATA_TRUST          trust file: whose releases and verdicts count beside one's own key's
    OPENDATA_PREVIEW_ROWS   rows of the preview; default 100
    OPENDATA_CACHE          folder of the download cache, or `off`
    OPENDATA_RETENTION      how long candidates stay that were never frozen (`30d`, `2w`); default
                            `30d`, at least a day
    OPENDATA_GC             what the daily collection does with objects that nobody needs: `mark`
                            them, which is the default, or `apply`: remove what two marks name
    OPENDATA_SPEC_REPO      git path or URL of the spec repository (DataSpecHub); `#branch` after it
                            names a branch other than its main one
    OPENDATA_SPEC_SECONDS   how often the sensor looks at the spec repository, in seconds; default
                            30, at least 5
    OPENDATA_INDEX_REPO     git path or URL of the index repository (DataIndexHub); without one,
                            documents stay in the store alone
    OPENDATA_FILE_PLACES    folders and `s3://bucket/prefix`, with commas between them: where
                            channels may keep their files; default: wherever these can be read
    OPENDATA_SPARK_FILES    from how many files to read on a channel is indexed on Spark; default:
                            only where its spec says `engine: spark`
    OPENDATA_SPARK_MASTER   where Spark runs: `local[*]`, which is the default, `spark://…`, `yarn`,
                            `k8s://…`, or `sc://…` of Spark Connect
    OPENDATA_SPARK_PYTHON   the interpreter that starts Spark, of an environment with pyspark and
                            opendata in it; default: this one
    OPENDATA_API_URL        address of the API, as documents and clients are told; default
                            `http://127.0.0.1:8000`
    OPENDATA_API_TOKENS     `file:PATH` of the hashed tokens that the API accepts; default: none,
                            and the API then listens on this machine alone
    OPENDATA_HOOK_SECRET    `env:NAME` or `file:PATH` of the secret that signs webhooks; default:
                            webhooks are refused
    OPENDATA_DAGSTER        address of Dagster's web server, which webhooks ask for runs; default
                            `http://127.0.0.1:3000`
    OPENDATA_ALERTS         `file:PATH` of the addresses that `slack://data-ops` and the like stand
                            for, one `name = address` a line; default: alerts are shown, not sent
    ======================  ====================================================================
    """

    root: Path
    store: StoreLocation | None
    producers: Path
    mirror: str | None
    signing_key: str | None
    preview_rows: int
    retention: timedelta
    collects: bool
    spec_repo: str | None
    spec_seconds: int
    index_repo: str | None
    spark_files: int | None
    spark_master: str | None
    spark_python: str | None
    api_url: str
    dagster_url: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def work(self) -> Path:
        """Scratch of builds and environments, beside the local store."""
        return self.root / LOCAL_FOLDER / "work"

    @property
    def store_url(self) -> str:
        """The store's address; a folder in the working folder where none is set."""
        return self.store.url if self.store else str(self.root / LOCAL_FOLDER / "store")

    def trust(self) -> TrustRoot | None:
        """Whose signatures count beside those of the own key, or None where nothing says so.

        Raises:
            Denied: if the trust file cannot be read: an unreadable trust root trusts nobody.
        """
        path = self.environ.get("OPENDATA_TRUST")
        return TrustRoot.from_file(path) if path else None


def read_settings(environ: Mapping[str, str] | None = None, root: Path | None = None) -> Settings:
    """The settings of this process, or of a given environment and working folder.

    Raises:
        InvalidInput: naming the variable that makes no sense.
    """
    environ = dict(os.environ) if environ is None else dict(environ)
    root = (root or Path.cwd()).resolve()
    return Settings(
        root=root,
        store=find_store(environ, str(root)),
        producers=root / environ.get("OPENDATA_PRODUCERS", "producers"),
        mirror=environ.get("OPENDATA_MIRROR") or None,
        signing_key=environ.get("OPENDATA_SIGNING_KEY") or None,
        preview_rows=_count(environ, "OPENDATA_PREVIEW_ROWS", DEFAULT_PREVIEW_ROWS),
        retention=_retention(environ.get("OPENDATA_RETENTION", "")),
        collects=_collects(environ.get("OPENDATA_GC", "")),
        spec_repo=environ.get("OPENDATA_SPEC_REPO") or None,
        spec_seconds=_spec_seconds(environ),
        index_repo=environ.get("OPENDATA_INDEX_REPO") or None,
        spark_files=_count(environ, "OPENDATA_SPARK_FILES", 0) or None,
        spark_master=environ.get("OPENDATA_SPARK_MASTER") or None,
        spark_python=environ.get("OPENDATA_SPARK_PYTHON") or None,
        api_url=environ.get("OPENDATA_API_URL") or DEFAULT_API_URL,
        dagster_url=environ.get("OPENDATA_DAGSTER") or DEFAULT_DAGSTER_URL,
        environ=environ,
    )


def _spec_seconds(environ: Mapping[str, str]) -> int:
    seconds = _count(environ, "OPENDATA_SPEC_SECONDS", DEFAULT_SPEC_SECONDS)
    if seconds < SPEC_SECONDS_MIN:
        raise InvalidInput(
            f"OPENDATA_SPEC_SECONDS is {seconds}; a sensor looks every {SPEC_SECONDS_MIN} s at most"
        )
    return seconds


def _retention(text: str) -> timedelta:
    try:
        ttl = parse_duration(text) if text else DEFAULT_TTL
    except ValueError as error:
        raise InvalidInput(f"OPENDATA_RETENTION: {error}") from error
    if ttl < TTL_MIN:
        raise InvalidInput(f"OPENDATA_RETENTION is {text!r}; candidates stay for a day at least")
    return ttl


def _collects(text: str) -> bool:
    if text not in {"", "mark", "apply"}:
        raise InvalidInput(f"OPENDATA_GC is {text!r}; it must be mark or apply")
    return text == "apply"


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise InvalidInput(f"{name} is {text!r}; it must be a number of 0 or more")
    return int(text)
