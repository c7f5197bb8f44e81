"""Adopting a lake of files that exists: its specs, its first indexes, and the proof (S0-90, S0-91).

Here belongs what a survey becomes: the texts of channel specs and of a first bundle, and indexing
with a second look. Finding out what a lake holds is `channels.survey`'s; where texts are written,
the command's. Nothing that is there already is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.channels.build import IndexedChannel, index_channel
from dataplatform.channels.current import read_current_index
from dataplatform.channels.divide import name_of
from dataplatform.channels.look import plan_index
from dataplatform.channels.parse import parse_channel_spec
from dataplatform.channels.ports import ChannelPorts
from dataplatform.channels.progress import NO_PROGRESS, Progress
from dataplatform.channels.spec import ChannelSpec, Pattern
from dataplatform.channels.survey import Surveyed
from opendata.wire.bundle import BundleRef, BundleVersion, SpecSource
from opendata.wire.digest import digest_of
from opendata.wire.errors import Conflict, InvalidInput, Rejected

BUNDLE_TYPE: Final = "snapshot"
BUNDLE_VERSION: Final = BundleVersion(1, 0, 0)
_PLAIN: Final = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class NewFile:
    """A file for the spec repository; `path` is below its root."""

    path: str
    text: str


@dataclass(frozen=True)
class AdoptedSpec:
    """A channel as it was surveyed, and the spec that says so."""

    surveyed: Surveyed
    spec: ChannelSpec
    file: NewFile


@dataclass(frozen=True)
class Adoption:
    """What adopting a lake would add to the spec repository."""

    channels: tuple[AdoptedSpec, ...]
    bundle: BundleRef
    bundle_file: NewFile

    @property
    def files(self) -> list[NewFile]:
        """All files, the bundle's last."""
        return [*(one.file for one in self.channels), self.bundle_file]


@dataclass(frozen=True)
class Adopted:
    """A channel that was indexed. `is_settled` says whether a second look found nothing changed;
    `differs` is how many files more (or fewer) it has than were surveyed."""

    indexed: IndexedChannel
    is_settled: bool
    differs: int


def plan_adoption(surveyed: Sequence[Surveyed], bundle_name: str | None = None) -> Adoption:
    """The specs of surveyed channels, and of a bundle of the newest version of each.

    Args:
        bundle_name: What the bundle is called; the first channel's name by default.

    Raises:
        InvalidInput: if that is no name of a bundle.
    """
    channels = tuple(_adopted_spec(one) for one in surveyed)
    name = bundle_name or name_of(surveyed[0].channel)
    bundle = BundleRef(BUNDLE_TYPE, name, BUNDLE_VERSION)
    file = NewFile(f"bundles/{bundle}.yaml", _bundle_text(bundle, surveyed))
    parse_bundle_spec(file.text, file.path)  # nothing is written that would not be read
    return Adoption(channels, bundle, file)


def require_matching(adoption: Adoption) -> None:
    """See that every file has a place in its channel, or is left out because somebody says so.

    Raises:
        Rejected: code `unmatched_files`, with examples and what to type.
    """
    for one in adoption.channels:
        surveyed = one.surveyed
        if not surveyed.unmatched or (surveyed.matched and one.spec.pattern.unmatched == "ignore"):
            continue
        shown = "\n".join(f"  {path}" for path in surveyed.examples)
        raise Rejected(
            f"{surveyed.unmatched:,} of the {surveyed.files:,} files of {surveyed.channel} do not "
            f"match {surveyed.pattern.path}, such as\n{shown}",
            code="unmatched_files",
            hint="write a pattern that they match (--pattern), move them, or go without them "
            "(--ignore-unmatched)",
            details={
                "channel": surveyed.channel,
                "pattern": surveyed.pattern.path,
                "files": surveyed.files,
                "unmatched": surveyed.unmatched,
                "examples": list(surveyed.examples),
            },
        )


def require_free(
    adoption: Adoption, read: Callable[[str], str | None], ports: ChannelPorts
) -> list[NewFile]:
    """The files that have to be written: those that are not there with these very bytes.

    Args:
        read: The text of a file of the spec repository, or None where there is none.

    Raises:
        Conflict: code `spec_exists` for a file that says something else, `channel_exists` for a
            channel that is indexed from another place.
    """
    missing = []
    for file in adoption.files:
        there = read(file.path)
        if there is None:
            missing.append(file)
        elif there != file.text:
            raise Conflict(
                f"{file.path} is there already and says something else; nothing was changed",
                code="spec_exists",
                hint="give the lake another --version, --channel or --bundle",
                details={"path": file.path},
            )
    for one in adoption.channels:
        spec = one.spec
        current = read_current_index(ports.store, spec.channel, spec.version)
        if current is not None and current.index.storage_path != spec.storage_path:
            raise Conflict(
                f"{spec.channel} {spec.version} is indexed already, from "
                f"{current.index.storage_path}; nothing was changed",
                code="channel_exists",
                hint="give the lake another --version or --channel",
                details={"storage_path": current.index.storage_path},
            )
    return missing


def adopt_channel(
    ports: ChannelPorts,
    adopted: AdoptedSpec,
    repo: str,
    *,
    progress: Progress = NO_PROGRESS,
) -> Adopted:
    """Index a channel for the first time, then look again whether anything has changed.

    Args:
        repo: What documents call the spec repository.

    Raises:
        As `index_channel` does.
    """
    text = adopted.file.text.encode()
    source = SpecSource(repo=repo, commit=None, file=adopted.file.path, sha256=digest_of(text))
    indexed = index_channel(ports, adopted.spec, source=source, progress=progress)
    again = plan_index(ports, adopted.spec)
    return Adopted(
        indexed,
        is_settled=not (again.new or again.changed or again.removed or again.described_anew),
        differs=indexed.index.total_files - adopted.surveyed.matched,
    )


# --- texts -------------------------------------------------------------------------------------


def _adopted_spec(surveyed: Surveyed) -> AdoptedSpec:
    path = f"channels/{surveyed.channel}/spec-{surveyed.version}.yaml"
    file = NewFile(path, _spec_text(surveyed))
    spec = parse_channel_spec(file.text, path)
    return AdoptedSpec(surveyed, spec, file)


def _spec_text(surveyed: Surveyed) -> str:
    lines = [
        "# Read this before it is committed: it was worked out from the files as they lie.",
        f"channel: {_name(surveyed.channel)}",
        f"version: {_quoted(str(surveyed.version))}",
        f"storage_path: {_quoted(surveyed.storage_path)}",
        f"description: {_quoted(_described(surveyed))}",
    ]
    pattern = _pattern_lines(surveyed.pattern)
    if pattern:
        lines += ["pattern:", *(f"  {line}" for line in pattern)]
    else:
        lines.append("# Paths follow the convention YYYY/MM/DD/HH/file, so there is no pattern.")
    lines += [
        "# What completeness is measured against; {every: 1h, count: n} for a channel that grows.",
        f"expected: {{count: {surveyed.matched}}}",
    ]
    return "\n".join(lines) + "\n"


def _pattern_lines(pattern: Pattern) -> list[str]:
    written = pattern.model_dump(mode="json", exclude_defaults=True)
    return [f"{key}: {_quoted(value)}" for key, value in written.items()]


def _described(surveyed: Surveyed) -> str:
    kinds = ", ".join(kind or "no ending" for kind in list(surveyed.kinds)[:3])
    return f"Files ({kinds}) below {surveyed.storage_path}"


def _bundle_text(bundle: BundleRef, surveyed: Sequence[Surveyed]) -> str:
    newest = {one.channel: one.version for one in sorted(surveyed, key=lambda one: one.version)}
    meta = f'bundle_name: {_name(bundle.name)}, bundle_version: "{bundle.version}"'
    lines = [
        f"meta: {{{meta}, bundle_type: {bundle.type}}}",
        "channels:",
        *(
            f'  - {{channel: {_name(name)}, version: "{version}", required: true}}'
            for name, version in newest.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _name(text: str) -> str:
    """A name as people write it, in quotes where YAML would read a number or a truth."""
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(value: Any) -> str:
    # JSON is YAML, and in quotes no text means anything else.
    return json.dumps(value, ensure_ascii=False)


def check_bundle_name(name: str) -> str:
    """The name, if a bundle may have it.

    Raises:
        InvalidInput: with the nearest name.
    """
    if name_of(name) != name:
        raise InvalidInput(
            f"{name!r} is no name of a bundle",
            code="invalid_bundle",
            hint=f"--bundle {name_of(name)}" if name_of(name) else "use a-z, 0-9, _ and -",
        )
    return name
