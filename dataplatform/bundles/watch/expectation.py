"""What is expected of a locked channel, as far as anybody declared it.

The spec of the channel's version says so, as it stands in the spec repository now, because a
cadence may be declared after a bundle was locked. Of a data set that stands as a channel its
signed release says how many shards there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.expected import Grid, cadence
from dataplatform.channels.catalogue import Channels, read_channels
from dataplatform.channels.spec import ChannelSpec, Expected
from opendata.reading.resolve import resolve
from opendata.wire.bundle import LockedChannel
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.ids import parse_reference
from opendata.wire.version import parse_version

FindSpec = Callable[[str, str], ChannelSpec]
"""The spec of a channel's version. Raises OpenDataError, saying why there is none."""


@dataclass(frozen=True)
class Expectation:
    """`grid` is the cadence's spans; `count` the files in all, of the whole channel; or neither,
    and `reason` says why nothing is known."""

    grid: Grid | None = None
    count: int | None = None
    reason: str | None = None


def find_specs(ports: BundlePorts, commit: str | None = None) -> FindSpec:
    """What finds channels' specs: at the repository's head as it is known, or at `commit`.

    Reads the repository when it is asked first, and once. Its answer raises NotFound where there is
    no repository, and what reading it raises.
    """
    channels: list[Channels] = []

    def find(channel: str, version: str) -> ChannelSpec:
        if not channels:
            repo = ports.open_spec_repo()
            channels.append(read_channels(repo, commit or repo.known_head() or repo.head()))
        return channels[0].spec(channel, parse_version(version))

    return find


def expectation_of(
    ports: BundlePorts, locked: LockedChannel, specs: FindSpec, now: datetime
) -> Expectation:
    """What is expected of a channel of a bundle; never raises for what nobody declared."""
    try:
        if locked.release is not None:
            release = resolve(ports.store, parse_reference(locked.release))
            return Expectation(count=len(release.manifest.files))
        declared = specs(locked.channel, locked.version).expected
    except OpenDataError as error:
        return Expectation(reason=error.message)
    if declared is None:
        where = f"channels/{locked.channel}/spec-{locked.version}.yaml"
        return Expectation(reason=f"{where} declares no `expected`")
    return _declared(declared, locked, now)


def _declared(declared: Expected, locked: LockedChannel, now: datetime) -> Expectation:
    if declared.every is None:
        return Expectation(count=declared.count)
    asked = cadence(declared, locked.data_range, now)
    return Expectation(grid=asked.grid, reason=asked.reason)


def spec_or_none(specs: FindSpec, locked: LockedChannel) -> ChannelSpec | None:
    """The spec of a locked channel, or None where there is none to be found."""
    try:
        return specs(locked.channel, locked.version)
    except NotFound:
        return None
