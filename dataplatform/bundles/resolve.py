"""Resolve: which version of each channel a spec's constraints mean, or why there is none.

Here belongs the choice, from what the spec repository and the published data sets offer. Nothing
is read from files or changed. The newest version that fits is taken; a channel that is missing and
may be is left out; everything else that cannot be resolved is reported at once, with what there is
and what would have been near.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from dataplatform.bundles.constraint import Constraint, parse_constraint
from dataplatform.bundles.spec import AskedChannel, BundleSpec
from dataplatform.channels.taxonomy import Deprecated
from opendata.reading.suggest import did_you_mean
from opendata.wire.bundle import LeftOut
from opendata.wire.errors import Rejected
from opendata.wire.ids import is_dataset_id
from opendata.wire.version import Version

VERSIONS_TOLD_MAX = 20


class Offers(Protocol):
    """What can be locked: the channels of a spec repository, or the published data sets."""

    def canonical(self, name: str) -> str:
        """The name that an alias or a former name stands for; any other as it is."""
        ...

    def names(self) -> Sequence[str]:
        """All there are."""
        ...

    def versions(self, name: str) -> Sequence[Version]:
        """The versions of one; none where there is no such."""
        ...


class NamedChannels(Offers, Protocol):
    """Channels, some of whose names are not to be used any more."""

    def deprecation(self, name: str) -> Deprecated | None:
        """What is said against using a name, if anything is."""
        ...


class Releases(Offers, Protocol):
    """Published data sets, whose releases can be withdrawn."""

    def is_withdrawn(self, name: str, version: Version) -> bool:
        """Whether a release was yanked: pinned, it can be read; locked anew, it is not."""
        ...


@dataclass(frozen=True)
class Resolved:
    """One channel at a version. `requested_as` is the alias that it was asked for as, `note` what
    its bundle's owner should know of that name."""

    asked: AskedChannel
    channel: str
    version: Version
    requested_as: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Unresolved:
    """One requirement that nothing meets.

    `versions` are those that exist (the newest first), `excluded` says which clause keeps each
    out, `nearest` is the one nearest to what was asked for.
    """

    channel: str
    requested: str
    reason: str
    versions: tuple[str, ...] = ()
    excluded: Mapping[str, str] | None = None
    nearest: str | None = None
    hint: str | None = None

    @property
    def sentence(self) -> str:
        """The requirement and why it cannot be met."""
        told = f"{self.channel} {self.requested}: {self.reason}"
        return f"{told} ({self.hint})" if self.hint else told


@dataclass(frozen=True)
class Resolution:
    """What a spec means today."""

    resolved: tuple[Resolved, ...]
    left_out: tuple[LeftOut, ...]
    unresolved: tuple[Unresolved, ...]

    def require_whole(self) -> None:
        """See that nothing is missing that has to be there.

        Raises:
            Rejected: `unresolvable`, with all problems at once.
        """
        if self.unresolved:
            raise unresolvable(self.unresolved)


def resolve_bundle(spec: BundleSpec, channels: NamedChannels, releases: Releases) -> Resolution:
    """Choose a version for each channel of a spec."""
    resolved: list[Resolved] = []
    left_out: list[LeftOut] = []
    unresolved: list[Unresolved] = []
    for asked in spec.channels:
        name = channels.canonical(asked.name)
        if is_dataset_id(name):
            found = _resolve_release(asked, name, releases)
        else:
            found = _resolve_channel(asked, name, channels)
        if isinstance(found, Resolved):
            found = _once(_noted(found, channels), resolved)
        if isinstance(found, Resolved):
            resolved.append(found)
        elif asked.on_missing == "ignore":
            left_out.append(left_out_because(asked, found.reason))
        else:
            unresolved.append(found)
    return Resolution(tuple(resolved), tuple(left_out), tuple(unresolved))


def left_out_because(asked: AskedChannel, reason: str) -> LeftOut:
    """That a channel is not in the bundle, although it was asked for."""
    return LeftOut(channel=asked.name, requested=asked.version, reason=reason)


def unresolvable(problems: Sequence[Unresolved]) -> Rejected:
    """The report that says why not, requirement by requirement."""
    lines = [one.sentence for one in problems]
    what = "1 channel" if len(problems) == 1 else f"{len(problems)} channels"
    return Rejected(
        f"{what} cannot be resolved\n" + "\n".join(f"  {line}" for line in lines),
        code="unresolvable",
        hint="correct the constraint, or add `required: false` to leave such a channel out",
        details={"unresolved": [_plain(one) for one in problems]},
    )


def _plain(one: Unresolved) -> dict[str, Any]:
    return {**asdict(one), "versions": list(one.versions), "excluded": dict(one.excluded or {})}


def _resolve_channel(asked: AskedChannel, name: str, offers: Offers) -> Resolved | Unresolved:
    constraint = parse_constraint(asked.version)
    versions = offers.versions(name)
    if not versions:
        return _unknown(asked, name, offers, "there is no such channel")
    newest = constraint.newest(versions)
    return (
        _none_fits(asked, constraint, versions)
        if newest is None
        else (Resolved(asked, name, newest))
    )


def _resolve_release(asked: AskedChannel, name: str, releases: Releases) -> Resolved | Unresolved:
    constraint = parse_constraint(asked.version)
    published = releases.versions(name)
    if not published:
        return _unknown(asked, name, releases, "no such data set is published")
    fitting = sorted((one for one in published if constraint.allows(one)), reverse=True)
    if not fitting:
        return _none_fits(asked, constraint, published)
    for version in fitting:
        if not releases.is_withdrawn(name, version):
            return Resolved(asked, name, version)
    told = ", ".join(str(one) for one in fitting)
    reason = f"what would do was withdrawn: {told}"
    return Unresolved(asked.name, asked.version, reason, hint=f"od releases {name}")


def _noted(found: Resolved, channels: NamedChannels) -> Resolved:
    """The same, with what is to be known of the name that it was asked for as."""
    name = found.asked.name
    if name == found.channel:
        return found
    deprecated = channels.deprecation(name)
    said = f"{name} is another name of {found.channel}"
    if deprecated is not None:
        since = f" since {deprecated.since}" if deprecated.since else ""
        why = f" ({deprecated.reason})" if deprecated.reason else ""
        said = f"{name} is not used any more{since}{why}; it is called {found.channel} now"
    return replace(found, requested_as=name, note=f"{said}, which was locked")


def _once(found: Resolved, before: Sequence[Resolved]) -> Resolved | Unresolved:
    """An alias and its channel are one channel, which a bundle has once."""
    twin = next((one for one in before if one.channel == found.channel), None)
    if twin is None:
        return found
    reason = f"it is {found.channel}, which is asked for as {twin.asked.name} as well"
    return Unresolved(found.asked.name, found.asked.version, reason)


def _unknown(asked: AskedChannel, name: str, offers: Offers, reason: str) -> Unresolved:
    hint = did_you_mean(name, offers.names())
    return Unresolved(asked.name, asked.version, reason, hint=hint)


def _none_fits(
    asked: AskedChannel, constraint: Constraint, versions: Sequence[Version]
) -> Unresolved:
    ordered = sorted(versions, reverse=True)
    excluded = {str(one): constraint.excluding(one) or "" for one in ordered}
    told = [f"{version} (not {clause})" for version, clause in excluded.items()]
    more = f" and {len(told) - VERSIONS_TOLD_MAX} more" if len(told) > VERSIONS_TOLD_MAX else ""
    nearest = constraint.nearest(ordered)
    return Unresolved(
        asked.name,
        asked.version,
        f"there are {', '.join(told[:VERSIONS_TOLD_MAX])}{more}",
        versions=tuple(map(str, ordered)),
        excluded=excluded,
        nearest=str(nearest),
        hint=f"the nearest is {nearest}",
    )
