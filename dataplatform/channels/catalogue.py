"""The channels of a spec repository at a commit: their names, versions and specs.

Here belongs what several files say together: which spec is which version's, what another name
means, and where two files contradict each other. Files are read when they are asked for, so that
indexing one channel does not read the specs of a thousand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Protocol

from dataplatform.channels.parse import parse_channel_spec, parse_taxonomy
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.taxonomy import Deprecated, Taxonomy
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.reading.suggest import did_you_mean
from opendata.wire.channel import is_channel_name
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.ids import is_dataset_id
from opendata.wire.version import Version, parse_version

CHANNELS: Final = "channels/"
TAXONOMY: Final = "taxonomy/channel_taxonomy.yaml"
_SPEC: Final = re.compile(r"channels/(?P<channel>[^/]+)/spec-(?P<version>[^/]+)\.ya?ml")


class SpecFiles(Protocol):
    """The files of a spec repository at commits: what is asked of `SpecRepo` here."""

    def read(self, path: str, commit: str) -> bytes:
        """A file's bytes at a commit. Raises NotFound."""
        ...

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        """The files below a prefix at a commit, in order."""
        ...


def read_channels(repo: SpecFiles, commit: str) -> Channels:
    """The channels of a commit.

    Raises:
        NotFound, Denied, Unavailable: as the repository says.
    """
    return Channels(repo, commit)


class Channels:
    """The channels of a commit; files are read and parsed once, when something needs them."""

    def __init__(self, repo: SpecFiles, commit: str) -> None:
        self._repo = repo
        self._commit = commit
        self._specs: dict[str, ChannelSpec] = {}
        self._paths, self._misplaced = _spec_paths(repo.paths(CHANNELS, commit))

    @property
    def commit(self) -> str:
        """Which commit they are of."""
        return self._commit

    def names(self) -> Sequence[str]:
        """The channels that have a spec, in order."""
        return sorted(self._paths)

    def versions(self, name: str) -> Sequence[Version]:
        """The versions of a channel that have a spec, ascending; none for an unknown channel."""
        return sorted(self._paths.get(self.canonical(name), ()))

    def spec(self, name: str, version: Version) -> ChannelSpec:
        """The spec of a version.

        Raises:
            NotFound: code `unknown_channel` or `unknown_channel_version`, naming what there is.
            InvalidDefinition: with what is wrong with it.
        """
        return self._parsed(self.spec_path(name, version))

    def spec_path(self, name: str, version: Version) -> str:
        """The path of a version's spec.

        Raises:
            NotFound: as `spec`.
        """
        channel = self.canonical(name)
        by_version = self._paths.get(channel)
        if by_version is None:
            raise NotFound(
                f"there is no channel {name!r} at {self._commit[:12]}",
                code="unknown_channel",
                hint=did_you_mean(name, self.names())
                or f"add channels/{name}/spec-1.0.0.yaml to the spec repository",
            )
        if version not in by_version:
            known = ", ".join(str(one) for one in sorted(by_version))
            raise NotFound(
                f"channel {channel!r} has no version {version} at {self._commit[:12]}",
                code="unknown_channel_version",
                hint=f"there are {known}",
            )
        return by_version[version]

    def spec_bytes(self, name: str, version: Version) -> bytes:
        """The bytes of a version's spec, as the commit has them.

        Raises:
            NotFound: as `spec`.
        """
        return self._repo.read(self.spec_path(name, version), self._commit)

    def canonical(self, name: str) -> str:
        """The channel that a name means: itself, or what an alias or an old name stands for.

        A name that means nothing here is returned as it is; so is the id of a data set.
        """
        seen = {name}
        while name not in self._paths and not is_dataset_id(name):
            following = self._usable_taxonomy.next_name(name) or self._alias_owners.get(name)
            if following is None or following in seen:
                break
            seen.add(following)
            name = following
        return name

    def deprecation(self, name: str) -> Deprecated | None:
        """What is said against using a name, if anything is."""
        return self._usable_taxonomy.deprecated.get(name)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """Aliases and deprecated names.

        Raises:
            InvalidDefinition: with what is wrong with its file.
        """
        try:
            data = self._repo.read(TAXONOMY, self._commit)
        except NotFound:
            return Taxonomy()
        return parse_taxonomy(data, TAXONOMY)

    @cached_property
    def problems(self) -> Sequence[SourceFinding]:
        """Everything wrong with the channels of the commit; all files are read for it."""
        found = [*self._misplaced]
        for path in self._all_paths():
            try:
                self._parsed(path)
            except InvalidDefinition as error:
                found += error.findings
        try:
            found += self._name_problems(self.taxonomy)
        except InvalidDefinition as error:
            found += error.findings
        return sorted(found, key=lambda one: (one.path, one.line, one.column))

    # --- how -------------------------------------------------------------------

    def _parsed(self, path: str) -> ChannelSpec:
        if path not in self._specs:
            self._specs[path] = parse_channel_spec(self._repo.read(path, self._commit), path)
        return self._specs[path]

    def _all_paths(self) -> Iterator[str]:
        for by_version in self._paths.values():
            yield from by_version.values()

    @cached_property
    def _usable_taxonomy(self) -> Taxonomy:
        try:
            return self.taxonomy
        except InvalidDefinition:
            return Taxonomy()  # what is wrong with it is among the problems

    @cached_property
    def _alias_owners(self) -> Mapping[str, str]:
        """The channel of each alias that specs name; a spec that is broken names none."""
        owners: dict[str, str] = {}
        for path in self._all_paths():
            try:
                spec = self._parsed(path)
            except InvalidDefinition:
                continue
            for alias in spec.aliases:
                owners.setdefault(alias, spec.channel)
        return owners

    def _name_problems(self, taxonomy: Taxonomy) -> Iterator[SourceFinding]:
        """Names that mean two things, or nothing."""
        places = _name_places(self._repo, self._commit)
        for name in (*taxonomy.aliases, *taxonomy.deprecated):
            section = "aliases" if name in taxonomy.aliases else "deprecated"
            at = places.get((section, name), (1, 1))
            if name in taxonomy.aliases and name in self._paths:
                yield _finding(at, f"{name!r} is a channel, so it cannot be another one's alias")
            if name in taxonomy.aliases and name in taxonomy.deprecated:
                yield _finding(at, f"{name!r} stands among the aliases and the deprecated names")
            target = self._end_of(taxonomy, name)
            if target is None:
                yield _finding(at, f"{name!r} stands for itself in the end")
            elif target != name and target not in self._paths and not is_dataset_id(target):
                yield _finding(
                    at,
                    f"{name!r} stands for {target!r}, which has no spec",
                    did_you_mean(target, self.names()),
                )
        yield from self._clashes(taxonomy)

    def _clashes(self, taxonomy: Taxonomy) -> Iterator[SourceFinding]:
        owners: dict[str, str] = {}
        for path in self._all_paths():
            spec = self._specs.get(path)
            for alias in spec.aliases if spec else ():
                other = owners.setdefault(alias, spec.channel) if spec else ""
                other = taxonomy.aliases.get(alias, other)
                if alias in self._paths and spec and alias != spec.channel:
                    yield SourceFinding(path, 1, 1, f"the alias {alias!r} is a channel of its own")
                elif spec and other != spec.channel:
                    message = f"the alias {alias!r} is also one of {other!r}"
                    yield SourceFinding(path, 1, 1, message)

    @staticmethod
    def _end_of(taxonomy: Taxonomy, name: str) -> str | None:
        seen = {name}
        while (following := taxonomy.next_name(name)) is not None:
            if following in seen:
                return None
            seen.add(following)
            name = following
        return name


def _spec_paths(
    paths: Sequence[str],
) -> tuple[dict[str, dict[Version, str]], list[SourceFinding]]:
    """The specs by channel and version, and what is wrong with the names of files."""
    found: dict[str, dict[Version, str]] = {}
    problems: list[SourceFinding] = []
    for path in paths:
        if not path.endswith((".yaml", ".yml")):
            continue
        shape = _SPEC.fullmatch(path)
        try:
            if shape is None or not is_channel_name(shape["channel"]):
                raise InvalidInput("a channel's spec is channels/<channel>/spec-<version>.yaml")
            version = parse_version(shape["version"])
        except InvalidInput as error:
            problems.append(SourceFinding(path, 1, 1, f"the file's name is none: {error.message}"))
            continue
        by_version = found.setdefault(shape["channel"], {})
        other = by_version.setdefault(version, path)
        if other != path:
            problems.append(SourceFinding(path, 1, 1, f"{other} is the spec of that version too"))
    return found, problems


def _name_places(repo: SpecFiles, commit: str) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Where each name of the taxonomy stands."""
    from dataplatform.datasets.yaml import read_yaml

    try:
        document = read_yaml(repo.read(TAXONOMY, commit), TAXONOMY)
    except NotFound:
        return {}
    return {
        (str(path[0]), str(path[1])): (spot.line, spot.column)
        for path, spot in document.key_spots.items()
        if len(path) == 2
    }


def _finding(at: tuple[int, int], message: str, hint: str | None = None) -> SourceFinding:
    return SourceFinding(TAXONOMY, *at, message, hint)
