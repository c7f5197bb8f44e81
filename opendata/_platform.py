"""The platform's part of the SDK, found through an entry point and loaded by name.

The SDK never imports `dataplatform`. What it needs of it (`od.push`, `od run`, the release verbs)
is looked up here, so that a plain install says what to add instead of failing on an import.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, NoReturn

from opendata.wire.errors import NotFound

GROUP = "opendata.platform"


def platform_part(name: str) -> Any:
    """The object that the platform registered under `name`.

    Raises:
        NotFound: if the platform is not installed, saying what to install.
    """
    for entry in entry_points(group=GROUP, name=name):
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise _missing(f"{name} needs {error.name}, which is not installed") from error
    raise _missing(f"{name} needs the platform's part of opendata")


def _missing(message: str) -> NotFound:
    return NotFound(
        message, code="platform_missing", hint="install opendata with its extra: opendata[platform]"
    )


class _Releases:
    """`from opendata import releases`: the release engine, loaded on first use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(platform_part("releases"), name)

    def __call__(self, *given: object, **named: object) -> NoReturn:
        which = repr(given[0]) if given and isinstance(given[0], str) else '"ns/name"'
        raise TypeError(
            "opendata.releases holds the release engine's verbs and is no function; "
            f"for the releases of a data set: od.dataset({which}).releases"
        )

    def __dir__(self) -> list[str]:
        return dir(platform_part("releases"))

    def __repr__(self) -> str:
        return "<opendata.releases: the verbs of the release engine; dir() lists them>"


releases = _Releases()
