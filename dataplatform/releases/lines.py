"""Lines: what may follow a frozen release, and under which number (requirements S4-53, S4-54, B2).

A line is what shares major and minor. While a release is soft, the line goes on with patch+1, and
what corrects rows of a release under observation is its hot fix. A release that was hard before its
time was over, or from the beginning, closes its line: only side releases may follow, which stand
beside it on the next minor. A window that ran out closes nothing: the tag gets no hot fix any more,
and regular releases go on under their own numbers.

Pure, but for looking up one mark. How far a change moves the version is `number`'s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from dataplatform.releases.number import Numbers, Taken
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.marks import freeze_state_of
from opendata.reading.resolve import Release
from opendata.wire.errors import Rejected
from opendata.wire.manifest import Manifest
from opendata.wire.marks import FreezeState
from opendata.wire.pointer import PointerKind
from opendata.wire.version import Bump, Version


def closed_by(ports: ReleasePorts, current: Release | None) -> Version | None:
    """The current release, if it closes its line."""
    if current is None:
        return None
    return current.version if closes_line(ports, current) else None


def beside_closed_lines(
    numbers: Numbers, closed: Collection[Version], declared: Version | None, taken: Taken
) -> Numbers:
    """The numbers, past every line that one of these releases has closed. Pure.

    Raises:
        Rejected: if a number on such a line was declared.
    """
    for version in sorted({*closed, *taken.closed}):
        numbers = beside_closed_line(numbers, version, declared, taken.releases)
    return numbers


def closes_line(ports: ReleasePorts, release: Release) -> bool:
    """Whether a release closes its line; it is asked for its mark only while soft."""
    return freeze_state_of(ports.store, release.manifest, ports.now()).closes_line


def beside_closed_line(
    numbers: Numbers,
    closed: Version | None,
    declared: Version | None,
    taken: Collection[Version] = (),
) -> Numbers:
    """The numbers, moved to the next minor where they would continue a closed line. Pure.

    Raises:
        Rejected: if a number on the closed line was declared.
    """
    if closed is None or not on_one_line(numbers.data_release, closed):
        return numbers
    side = closed.bumped(Bump.MINOR)
    if declared is not None and on_one_line(declared, closed) and declared > closed:
        raise _closed(f"release.version says {declared}", closed)
    while side in taken:
        side = side.bumped(Bump.PATCH)
    return dataclasses.replace(numbers, data_release=side)


def publishing_kind(
    release: Release, current: Release | None, state: FreezeState | None
) -> PointerKind:
    """What publishing a release after the current one is called. Pure.

    Raises:
        Rejected: if it would continue a line that the current release has closed.
    """
    if current is None or state is None or not on_one_line(release.version, current.version):
        return "publish"
    if state.closes_line:
        raise _closed(f"{release.reference} was frozen before that", current.version)
    return "hotfix" if state.mode == "soft" and corrects(release.manifest) else "publish"


def on_one_line(first: Version, second: Version) -> bool:
    """Whether two versions share major and minor."""
    return (first.major, first.minor) == (second.major, second.minor)


def corrects(manifest: Manifest) -> bool:
    """Whether a release changes or takes away rows that its predecessor had."""
    rows = manifest.changelog.diff_R
    return bool(rows.get("removed") or rows.get("changed"))


def _closed(what: str, closed: Version) -> Rejected:
    side = closed.bumped(Bump.MINOR)
    return Rejected(
        f"{what}, but {closed} is a hard freeze: its line {closed.major}.{closed.minor} is closed",
        code="line_closed",
        hint=f'leave release.version out, or write release: {{version: "{side}"}}; running again '
        "makes a side release",
        details={"closed_by": str(closed), "next": str(side)},
    )
