"""Freezing: a draft becomes a release, a release under observation becomes hard (S4-49, S4-88)."""

from __future__ import annotations

from dataplatform.cli import release_flow
from dataplatform.cli.acting import by_whom, require_pinned
from dataplatform.cli.place import find_settings
from dataplatform.cli.release_flow import Draft, FrozenRelease
from dataplatform.releases.harden import harden
from dataplatform.wiring import from_settings


def freeze_release(
    ds: Draft | str, tag: str | None = None, *, reason: str | None = None
) -> FrozenRelease:
    """Freeze a draft under its next version, or make a release that exists hard.

    A draft is checked, numbered, signed and frozen; nobody sees it before it is published. With a
    release (`"ns/name", "1.2.0"` or `"ns/name@1.2.0"`) its observation ends now: it gets no hot fix
    any more, and its line is closed. There is no way back.

    Args:
        tag: The version that a draft must get (by default whatever the change asks for), or the
            release that is made hard.
        reason: Why a release is made hard.

    Raises:
        GateClosed: if contract or quality say no.
        BreakingChange, Rejected: if the change needs another version, or there is no change.
        NotFound, InvalidInput: if no such release exists, or none is named.
    """
    if isinstance(ds, Draft):
        return release_flow.freeze_release(ds, tag)
    dataset, version = require_pinned(f"{ds}@{tag}" if tag else ds, "od freeze --hard")
    ports = from_settings(find_settings()).ports
    release = harden(ports, dataset, version, by=by_whom("od freeze"), reason=reason).release
    return FrozenRelease(str(dataset), str(version), release.manifest.to_json(), ports=ports)
