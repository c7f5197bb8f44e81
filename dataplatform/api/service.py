"""The service that this process's settings describe: what `create_app` is given in production."""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette

from dataplatform.api.app import ServiceOptions, create_app
from dataplatform.api.hooks import SECRET_BYTES_MIN, Accepted
from dataplatform.api.token_file import VARIABLE, WatchedTokens, token_path
from dataplatform.bundle_wiring import bundle_ports
from dataplatform.bundles.ports import BundlePorts
from dataplatform.settings import Settings, read_settings
from opendata.reading.cache import open_cache
from opendata.wire.errors import Denied, InvalidInput

SECRET_VARIABLE: Final = "OPENDATA_HOOK_SECRET"
_SECRET_HINT: Final = f"{SECRET_VARIABLE} is env:NAME or file:PATH"


@dataclass(frozen=True)
class _Platform:
    """What is served, without what only releases need."""

    bundles: BundlePorts


def open_service(settings: Settings) -> Starlette:
    """The service over the settings' store.

    Raises:
        InvalidInput, Denied, NotFound: naming the setting that cannot be used.
    """
    # It signs nothing, so the key stays where it is.
    ports = bundle_ports(dataclasses.replace(settings, signing_key=None))
    tokens = settings.environ.get(VARIABLE)
    options = ServiceOptions(
        version=version("opendata"),
        tokens=WatchedTokens(token_path(tokens)) if tokens else None,
        hook_secret=hook_secret(settings.environ),
        accept=partial(_accept, ports, settings.dagster_url),
        cache=open_cache(settings.environ),
        log=sys.stderr,
    )
    return create_app(_Platform(ports), options)


def app_of_environment() -> Starlette:
    """The service of this process's environment: what each of several workers serves."""
    return open_service(read_settings())


def hook_secret(environ: Mapping[str, str]) -> bytes | None:
    """The secret that webhooks are signed with; None where none is set.

    Raises:
        Denied: if it cannot be read, can be read by others, or is too short.
        InvalidInput: if the reference is none.
    """
    reference = environ.get(SECRET_VARIABLE)
    if not reference:
        return None
    kind, _, place = reference.partition(":")
    if kind == "env" and place:
        if place not in environ:
            raise Denied(f"the webhook secret's variable {place} is not set", hint=_SECRET_HINT)
        secret = environ[place].encode()
    elif kind == "file" and place:
        secret = _read_private(Path(place).expanduser()).strip()
    else:
        raise InvalidInput(f"{SECRET_VARIABLE} is no reference to a secret", hint=_SECRET_HINT)
    if len(secret) < SECRET_BYTES_MIN:
        raise Denied(
            f"the webhook secret has less than {SECRET_BYTES_MIN} characters",
            code="weak_secret",
            hint="openssl rand -hex 32 makes a good one",
        )
    return secret


def _read_private(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except OSError as error:
        raise Denied(
            f"the webhook secret {path} cannot be read: {error.strerror}", hint=_SECRET_HINT
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Denied(
            f"the webhook secret {path} can be read by others",
            code="secret_rights",
            hint=f"chmod 600 {path}",
        )
    return data


def _accept(ports: BundlePorts, dagster_url: str, payload: Mapping[str, Any]) -> Accepted:
    from dataplatform.adapters.dagster_web.graphql import DagsterWeb
    from dataplatform.bundles.ingress import accept

    return accept(ports, DagsterWeb(dagster_url), payload)
