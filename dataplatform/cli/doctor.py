"""What `od doctor` asks of the platform: can releases be signed, can the producers run.

What bundles need is asked in `doctor_bundles`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dataplatform.cli.check import check_producer
from dataplatform.cli.doctor_bundles import bundle_checks
from dataplatform.cli.place import find_settings, unsigned_hint
from dataplatform.settings import Settings
from opendata.wire.errors import OpenDataError

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
    yield from bundle_checks(settings)
    if settings.mirror:
        yield (
            "mirror",
            "note",
            f"sources are answered by {settings.mirror}",
            "unset OPENDATA_MIRROR",
        )


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
