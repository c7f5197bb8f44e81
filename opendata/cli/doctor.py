"""`od doctor`: is this machine set up? Each thing that is not comes with what sets it up.

The SDK's own questions stand here; the platform adds its own (signing key, producers) by name.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click

from opendata.cli.commands import INSTALL_HINT, load_target, platform_is_installed, platform_targets
from opendata.cli.output import Output, with_output
from opendata.wire.errors import NotFound, OpenDataError, Rejected
from opendata.wire.words import counted

if TYPE_CHECKING:
    from opendata._settings import Settings
    from opendata.stores import StoreLocation
    from opendata.stores.port import ObjectReader

OLDEST_PYTHON: Final = (3, 11)


class State(StrEnum):
    """How a thing stands: as it should be, worth knowing, or in the way."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line; `fix` is the command or setting that helps."""

    what: str
    state: State
    message: str
    fix: str | None = None


_MARKS: Final = {State.GOOD: ("✓", "green"), State.NOTE: ("–", "yellow"), State.BAD: ("✗", "red")}


@click.command()
@with_output
def doctor(out: Output) -> int:
    """Check Python, store, cache, keys and producers, and what bundles need where they are set up:
    repositories, Spark, the API's tokens and secret. Ends with 6 if something is in the way."""
    findings = list(_findings())
    bad = [finding for finding in findings if finding.state is State.BAD]
    out.result(
        [asdict(finding) for finding in findings],
        lambda: _show(out, findings),
        (finding.what for finding in bad),
    )
    return Rejected.exit_code if bad else 0


def _show(out: Output, findings: list[Finding]) -> None:
    wide = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark, colour = _MARKS[finding.state]
        out.line(f"{mark} {finding.what.ljust(wide)}  {finding.message}", fg=colour)
        if finding.fix:
            out.line(f"  {' ' * wide}  → {finding.fix}")


def _findings() -> Iterator[Finding]:
    from opendata._settings import Settings

    settings = Settings.from_environment()
    yield _python()
    for what, look in (("store", _store), ("cache", _cache), ("trust", _trust)):
        yield _asked(what, settings, look)
    if not platform_is_installed():
        yield Finding("platform", State.NOTE, "not installed: reading only", INSTALL_HINT)
        return
    yield Finding("platform", State.GOOD, "installed")
    yield from _of_platform()


def _asked(what: str, settings: Settings, look: Callable[[Settings], Finding]) -> Finding:
    try:
        return look(settings)
    except OpenDataError as error:
        return Finding(what, State.BAD, error.message, error.hint)


def _python() -> Finding:
    from opendata.cli.app import installed_version

    running = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", State.BAD, f"{running} is too old", "install Python 3.11 or newer")
    return Finding("python", State.GOOD, f"{running}, opendata {installed_version()}")


def _store(settings: Settings) -> Finding:
    from opendata.reading.catalogue import load_catalogue
    from opendata.stores import find_store

    location = find_store(settings.environ, str(settings.cwd))
    reader = settings.reader()  # NotFound where none is set, with the ways to set one
    assert location is not None
    try:
        amount = counted(len(load_catalogue(reader).datasets), "data set")
    except NotFound as error:
        if error.code in ("store_below", "lost_catalogue"):
            return Finding("store", State.BAD, error.message, error.hint)
        amount = ""
    amount = ", ".join(filter(None, (amount, _bundles(reader)))) or "nothing published yet"
    written, fix = _writable(location, settings)
    state = State.GOOD if fix is None else State.NOTE
    return Finding("store", state, f"{location.url} ({location.rule}): {amount}; {written}", fix)


def _bundles(reader: ObjectReader) -> str:
    from opendata.reading.file_index.bundles import read_bundle_catalogue

    try:
        amount = len(read_bundle_catalogue(reader).bundles)
    except NotFound:
        amount = 0  # no store yet: it is made by the first release
    return counted(amount, "bundle") if amount else ""


def _writable(location: StoreLocation, settings: Settings) -> tuple[str, str | None]:
    """Whether the store takes a small object of no meaning, which is removed again."""
    from opendata.stores import open_store

    if location.url.startswith(("https://", "http://")):
        return "for reading", None
    store = open_store(location.url, environ=settings.environ)
    if os.path.isabs(location.url) and not os.path.isdir(location.url):
        return "to be created by the first release", None
    key = f"staging/doctor/{secrets.token_hex(8)}"
    try:
        store.put_new(key, b"od doctor")
        store.delete(key)
    except OpenDataError as error:
        return f"not writable: {error.message}", error.hint or "fine for reading"
    return "writable", None


def _cache(settings: Settings) -> Finding:
    cache = settings.cache()
    if cache.folder is None:
        return Finding("cache", State.NOTE, "off: every read of a remote store downloads again")
    above = cache.folder
    while not os.path.isdir(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    if not os.access(above, os.W_OK | os.X_OK):
        fix = "export OPENDATA_CACHE=FOLDER (one that can be written), or off"
        return Finding("cache", State.BAD, f"{cache.folder} cannot be written", fix)
    return Finding("cache", State.GOOD, cache.folder)


def _trust(settings: Settings) -> Finding:
    root = settings.trust()
    if root is None:
        message = "no trusted keys: digests are checked, signatures are not"
        return Finding("trust", State.NOTE, message, "export OPENDATA_TRUST=FILE")
    return Finding("trust", State.GOOD, counted(len(root.keys), "trusted key"))


def _of_platform() -> Iterator[Finding]:
    try:
        checks = load_target(platform_targets()["doctor"])
    except ModuleNotFoundError as error:
        yield Finding("platform", State.BAD, f"{error.name} is not installed", INSTALL_HINT)
        return
    for what, state, message, fix in checks():
        yield Finding(what, State(state), message, fix)
