"""What `od doctor` asks of the platform: can releases be signed, can the producers run, and do the
repositories of bundles answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dataplatform.cli.check import check_producer
from dataplatform.cli.place import find_settings, unsigned_hint
from dataplatform.settings import Settings
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted

Line = tuple[str, str, str, str | None]


def checks() -> Iterator[Line]:
    """What, state (good, note or bad), sentence, and what to do about it."""
    try:
        settings = find_settings()
    except OpenDataError as error:
        yield "settings", "bad", error.message, error.hint
        return
    yield _signing(settings)
    yield _producers(settings)
    if settings.spec_repo is not None:
        yield _asked("specs", settings, _specs)
    if settings.index_repo is not None:
        yield _asked("indexes", settings, _indexes)
    if settings.environ.get("OPENDATA_ALERTS"):
        yield _asked("alerts", settings, _alerts)
    if settings.mirror:
        yield (
            "mirror",
            "note",
            f"sources are answered by {settings.mirror}",
            "unset OPENDATA_MIRROR",
        )


def _asked(what: str, settings: Settings, look: Callable[[Settings], str]) -> Line:
    try:
        return what, "good", look(settings), None
    except OpenDataError as error:
        return what, "bad", error.message, error.hint


def _specs(settings: Settings) -> str:
    from dataplatform.bundle_wiring import open_spec_repo
    from dataplatform.bundles.requests import BUNDLES_FOLDER, is_bundle_file

    repo = open_spec_repo(settings, str(settings.spec_repo))
    head = repo.head()
    bundles = sum(map(is_bundle_file, repo.paths(BUNDLES_FOLDER, head)))
    return f"{repo.url} at {head[:12]}: {counted(bundles, 'bundle')}"


def _indexes(settings: Settings) -> str:
    from dataplatform.bundle_wiring import bundle_ports

    repo = bundle_ports(settings).open_index_repo()
    assert repo is not None  # it is set
    version = repo.version()
    return f"{repo.url} can be read" + (f", version {version}" if version else "")


def _alerts(settings: Settings) -> str:
    from dataplatform.adapters.notifiers.addresses import read_addresses

    return counted(len(read_addresses(settings.environ.get("OPENDATA_ALERTS"))), "address")


def _signing(settings: Settings) -> Line:
    from dataplatform.adapters.signing.ed25519 import open_signer
    from dataplatform.wiring import signer_of

    try:
        open_signer(settings.signing_key, settings.environ)  # the key first, then who trusts it
        signer = signer_of(settings)
    except OpenDataError as error:
        return "signing", "bad", error.message, error.hint
    if signer is None:
        return "signing", "note", "no key: releases will be unsigned", unsigned_hint(settings)
    told = f"key {signer.key_id[:12]}…"
    trusted = settings.trust()
    if trusted is not None and signer.key_id not in trusted.keys:
        hint = "od key create lets it join the trust file beside the key"
        return "signing", "note", f"{told} is not in the trust file that readers have", hint
    return "signing", "good", told, None


def _producers(settings: Settings) -> Line:
    folders = sorted(path.parent for path in settings.producers.glob("*/*/opendata.yaml"))
    if not folders:
        return "producers", "note", f"none in {settings.producers}", "od init NS/NAME"
    broken = [one.id for one in map(check_producer, folders) if one.errors]
    if broken:
        names = ", ".join(broken[:3]) + (" …" if len(broken) > 3 else "")
        return (
            "producers",
            "bad",
            f"{len(broken)} of {len(folders)} are broken: {names}",
            "od check",
        )
    return "producers", "good", f"{len(folders)} in {settings.producers}", None
