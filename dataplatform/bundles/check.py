"""Every mistake of a spec repository that can be found without indexing anything.

Here belongs going through all of its files: channels and their taxonomy, bundles and whether what
they ask for exists, compatibility, monitoring. What each file may say is its own parser's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataplatform.bundles.compatibility import COMPATIBILITY_FILE, parse_compatibility
from dataplatform.bundles.constraint import parse_constraint
from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.requests import is_bundle_file
from dataplatform.bundles.spec import AskedChannel, BundleSpec
from dataplatform.bundles.watch.monitoring import MONITORING_PATH, parse_monitoring
from dataplatform.channels.catalogue import CHANNELS, TAXONOMY, Channels, SpecFiles, read_channels
from dataplatform.datasets.yaml import YamlDocument, read_yaml
from dataplatform.errors import InvalidDefinition, SourceFinding
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import NotFound

BUNDLES: Final = "bundles/"
_LISTS: Final = ("channels", "data_manifest")


@dataclass(frozen=True)
class SpecCheck:
    """What was found in a spec repository; `files` are those that were looked at.

    Errors keep a bundle or channel from being indexed; warnings are advice.
    """

    files: tuple[str, ...]
    errors: tuple[SourceFinding, ...]
    warnings: tuple[SourceFinding, ...]

    def only(self, path: str) -> SpecCheck:
        """What was found in one file, or in those below a folder."""

        def lies_there(one: str) -> bool:
            return one == path or one.startswith(f"{path.rstrip('/')}/")

        return SpecCheck(
            tuple(one for one in self.files if lies_there(one)),
            tuple(one for one in self.errors if lies_there(one.path)),
            tuple(one for one in self.warnings if lies_there(one.path)),
        )


def check_specs(repo: SpecFiles, commit: str) -> SpecCheck:
    """Everything there is to say about a spec repository at a commit; never raises for its content.

    Raises:
        NotFound, Denied, Unavailable: as the repository says.
    """
    channels = read_channels(repo, commit)
    files = [path for path in repo.paths(CHANNELS, commit) if path.endswith((".yaml", ".yml"))]
    errors = [*channels.problems]
    warnings = list(_unmeasured(channels))
    for path in filter(is_bundle_file, repo.paths(BUNDLES, commit)):
        files.append(path)
        found = _Bundle(repo.read(path, commit), path, channels).check()
        errors += found.errors
        warnings += found.warnings
    readers: tuple[tuple[str, Callable[[bytes, str], object]], ...] = (
        (TAXONOMY, lambda data, path: None),  # read by the channels
        (COMPATIBILITY_FILE, parse_compatibility),
        (MONITORING_PATH, parse_monitoring),
    )
    for path, parse in readers:
        try:
            parse(repo.read(path, commit), path)
            files.append(path)
        except NotFound:
            continue  # each of them may be left out
        except InvalidDefinition as error:
            files.append(path)
            errors += error.findings
    return SpecCheck(tuple(sorted(files)), _ordered(errors), _ordered(warnings))


def _ordered(findings: Sequence[SourceFinding]) -> tuple[SourceFinding, ...]:
    return tuple(sorted(set(findings), key=lambda one: (one.path, one.line, one.column)))


def _unmeasured(channels: Channels) -> Iterator[SourceFinding]:
    """Channels of which nobody will know whether files are missing."""
    for name in channels.names():
        version = channels.versions(name)[-1]
        try:
            spec = channels.spec(name, version)
        except InvalidDefinition:
            continue
        if spec.expected is None:
            yield SourceFinding(
                channels.spec_path(name, version),
                1,
                1,
                "nothing says how many files are expected, so that completeness is not measured",
                "add `expected: {every: 1h, count: 60}`, or `expected: {count: 50000}`",
            )


class _Bundle:
    """One bundle's spec, and the channels that it asks for."""

    def __init__(self, data: bytes, path: str, channels: Channels) -> None:
        self._data = data
        self._path = path
        self._channels = channels
        self._errors: list[SourceFinding] = []
        self._warnings: list[SourceFinding] = []

    def check(self) -> SpecCheck:
        """What is wrong with it."""
        try:
            spec = parse_bundle_spec(self._data, self._path)
        except InvalidDefinition as error:
            return SpecCheck((self._path,), error.findings, ())
        self._check_channels(spec, read_yaml(self._data, self._path))
        return SpecCheck((self._path,), tuple(self._errors), tuple(self._warnings))

    def _check_channels(self, spec: BundleSpec, document: YamlDocument) -> None:
        listed = next(name for name in _LISTS if name in document.value)
        for at, asked in enumerate(spec.channels):
            if asked.channel is not None and "/" not in asked.channel:
                self._check_channel(asked, asked.channel, (listed, at), document)

    def _check_channel(
        self, asked: AskedChannel, name: str, place: tuple[Any, ...], document: YamlDocument
    ) -> None:
        channels = self._channels
        versions = channels.versions(name)
        may_miss = asked.on_missing == "ignore"
        tell = self._warnings.append if may_miss else self._errors.append
        if old := channels.deprecation(name):
            message = f"{name!r} is to be used no more" + (f": {old.reason}" if old.reason else "")
            hint = f"write {old.replaced_by}" if old.replaced_by else None
            self._warnings.append(document.finding((*place, "channel"), message, hint=hint))
        if not versions:
            hint = did_you_mean(name, channels.names()) or f"add channels/{name}/spec-1.0.0.yaml"
            message = f"there is no channel {name!r}"
            tell(document.finding((*place, "channel"), message, hint=hint))
        elif not any(parse_constraint(asked.version).allows(one) for one in versions):
            known = ", ".join(map(str, versions))
            message = f"no version of {channels.canonical(name)!r} meets {asked.version!r}"
            tell(document.finding((*place, "version"), message, hint=f"there are {known}"))
