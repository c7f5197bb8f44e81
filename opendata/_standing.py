"""How a release stands, for whoever holds a handle: its freeze, and a warning where it was yanked.

Only pinned reads ask whether a release was withdrawn: what the pointer names is what readers are
meant to get. A store that is out of reach keeps nobody from reading, so it warns of nothing; nor
does one that says "denied" where there is nothing, as public buckets do that cannot be listed.
"""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opendata.reading.marks import standing_of, standing_yank, yank_marks, yank_warning
from opendata.reading.resolve import read_route
from opendata.wire.errors import Corrupt, Denied, Unavailable

if TYPE_CHECKING:
    from opendata.reading.offline import RememberingReader
    from opendata.reading.resolve import Release
    from opendata.reading.trust import TrustRoot
    from opendata.stores.port import ObjectReader
    from opendata.wire.manifest import Manifest


class YankedRelease(UserWarning):
    """A release that is read by its number was withdrawn; its data are still what they were."""


def warn_if_yanked(reader: RememberingReader, release: Release, trust: TrustRoot | None) -> None:
    """Warn of a withdrawn release; one request where it was not, as nearly always."""
    if reader.offline:
        return
    try:
        mark = standing_yank(yank_marks(reader, release.id, release.version))
        if mark is None or _is_current(reader, release):
            return
        text = yank_warning(release, mark, trust)
    except (Unavailable, Denied):
        return
    except Corrupt as error:
        text = f"whether {release.reference} was withdrawn cannot be told: {error.message}"
    warnings.warn(text, YankedRelease, stacklevel=_caller_level())


def freeze_facts(reader: RememberingReader, manifest: Manifest) -> dict[str, Any]:
    """The freeze block of a release, and how it stands at this moment unless that is offline."""
    facts = manifest.freeze.to_json()
    if reader.offline:
        return facts
    try:
        return facts | standing_of(reader, manifest, datetime.now(UTC)).to_json()
    except (Unavailable, Denied):
        return facts
    except Corrupt as damage:  # of a mark; the release itself is as whole as it was
        return facts | {"state": f"not known: {damage.message}"}


def _is_current(reader: ObjectReader, release: Release) -> bool:
    """Whether readers get it all the same: a rollback to it was killed before it said so."""
    route = read_route(reader, release.id)
    return route is not None and route.pointer.manifest_sha256 == release.stored_sha256


def _caller_level() -> int:
    """How far up the stack the line stands that is not ours, for Python to name it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "opendata":
        frame, level = frame.f_back, level + 1
    return level
