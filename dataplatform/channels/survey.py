"""Looking at a lake of files that nobody has described: which channels it could be (S0-91).

Here belongs telling channels, versions and sidecars apart, and finding out what tells the time of
files. What comes out are proposals with counts and examples; nothing is written. How the pattern
of paths is guessed is `guess`'s.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dataplatform.channels.convention import tell
from dataplatform.channels.divide import Part, divide
from dataplatform.channels.guess import guess_pattern
from dataplatform.channels.pattern import PathPattern
from dataplatform.channels.ports import ChannelFiles, MetadataReader, Reading, StoredFile
from dataplatform.channels.spec import Pattern
from dataplatform.channels.template import parts_of
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.version import Version

SAMPLE_PATHS: Final = 2000
SAMPLE_FILES: Final = 16
EXAMPLES: Final = 5
_IMAGES: Final = frozenset({"jpg", "jpeg", "png", "tif", "tiff", "webp"})
_SIDECARS: Final = ("{stem}.json", "{name}.json")
_FIELD: Final = re.compile(r"\{(\w+)")
_HOURS: Final = frozenset({"year", "month", "day", "hour"})
_FINE: Final = (
    "{minute}",
    "{second}",
    "{millisecond}",
    "{microsecond}",
    "{epoch}",
    "%M",
    "%S",
    "%s",
)

OpenReaders = Callable[[Pattern], Mapping[str, MetadataReader]]


@dataclass(frozen=True)
class SurveyRequest:
    """What is to be found out, and what is known already."""

    channel: str | None = None
    version: Version | None = None
    path: str | None = None
    """The pattern of paths; None: it is guessed."""
    ignore_unmatched: bool = False


@dataclass(frozen=True)
class Surveyed:
    """One channel that a lake could be; sizes in bytes, times microseconds since 1970 in UTC.

    `time_from` says what tells the time of most files: `path`, `sidecar`, `exif`, or None where
    nothing does. `first` and `last` are what paths tell. `unmatched` counts the files that do not
    match the pattern, of which `examples` gives some.
    """

    channel: str
    version: Version
    storage_path: str
    pattern: Pattern
    files: int
    total_bytes: int
    sidecars: int
    kinds: Mapping[str, int]
    time_from: str | None
    undated: int
    first: int | None
    last: int | None
    unmatched: int = 0
    examples: tuple[str, ...] = field(default=())

    @property
    def matched(self) -> int:
        """How many files the channel would have."""
        return self.files - self.unmatched


def survey_lake(
    place: ChannelFiles, storage_path: str, request: SurveyRequest, readers: OpenReaders
) -> list[Surveyed]:
    """The channels that the files at a place could be.

    Args:
        place: Where the files lie.
        storage_path: How specs name that place.
        readers: Opens the readers of metadata that a pattern asks for; a few files are read.

    Raises:
        NotFound: if there is no such place, or no file in it.
        InvalidInput: if no name for a channel can be made of the place's own.
    """
    listed = place.listing()
    if not listed:
        raise NotFound(f"there are no files in {place.url}", code="empty_lake")
    parts = divide(
        listed,
        storage_path,
        channel=request.channel,
        version=request.version,
        whole=request.path is not None,
    )
    return [_survey(place, part, request, readers) for part in parts]


def _survey(
    place: ChannelFiles, part: Part, request: SurveyRequest, readers: OpenReaders
) -> Surveyed:
    sidecar, data, sidecars = split_sidecars(part.files)
    paths = [file.path[len(part.prefix) :] for file in data]
    path = request.path or _pattern_of(paths)
    told = _check(paths, path)
    sample = [data[at] for at in _spread(len(data), SAMPLE_FILES)]
    exif = _told_by(place, readers(Pattern(exif=True)), "exif", sample, None)
    beside = _told_by(place, readers(Pattern(sidecar=sidecar or "")), "sidecar", sample, sidecar)
    unmatched = len(paths) - told.matched
    pattern = Pattern(
        path=path,
        sidecar=sidecar,
        exif=any(len(one.metadata) > 3 or one.timestamp is not None for one in exif),
        unmatched="ignore" if unmatched and request.ignore_unmatched else "fail",
        **({"timestamp": ("path", "sidecar", "exif")} if _path_leads(path, exif, beside) else {}),
    )
    return Surveyed(
        channel=part.channel,
        version=part.version,
        storage_path=part.storage_path,
        pattern=pattern,
        files=len(data),
        total_bytes=sum(file.size for file in data),
        sidecars=sidecars,
        kinds=dict(Counter(parts_of(one)["ext"].lower() for one in paths).most_common()),
        time_from=_time_from(pattern.timestamp, told, exif, beside),
        undated=told.undated,
        first=min(told.times, default=None),
        last=max(told.times, default=None),
        unmatched=unmatched,
        examples=told.examples,
    )


# --- what paths tell -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Check:
    """What a pattern makes of all paths."""

    matched: int
    undated: int
    times: Sequence[int]
    examples: tuple[str, ...]


def _pattern_of(paths: Sequence[str]) -> str | None:
    """The pattern that paths follow; None where it is the convention `YYYY/MM/DD/HH/file`."""
    sample = [paths[at] for at in _spread(len(paths), SAMPLE_PATHS)]
    guess = guess_pattern(sample)
    by_convention = _check(sample, None)
    if guess is None or by_convention.undated == len(sample):
        return guess.pattern if guess and guess.finest else None
    if by_convention.undated:
        return guess.pattern if guess.finest else None
    # The convention tells the hour, and more where it is sure of it; a guess may know better.
    is_finer = any(part in guess.pattern for part in _FINE)
    told = _check(sample, guess.pattern)
    if told.matched < len(sample):
        return None
    is_same = told.times == by_convention.times
    knows_more = _names_folders(guess.pattern) if is_same else is_finer
    return guess.pattern if knows_more else None


def _names_folders(pattern: str) -> bool:
    """Whether folders tell something besides the time, such as a site: the convention does not."""
    return bool(set(_FIELD.findall(pattern.rpartition("/")[0])) - _HOURS)


def _check(paths: Sequence[str], path: str | None) -> _Check:
    pattern = PathPattern(path) if path is not None else None
    times: list[int] = []
    strangers: list[str] = []
    for one in paths:
        try:
            match = pattern.match(one) if pattern else tell(one)
        except InvalidInput:
            match = None
        if match is None:
            strangers.append(one)
        elif match.timestamp is not None:
            times.append(match.timestamp)
    matched = len(paths) - len(strangers)
    examples = tuple(strangers[at] for at in _spread(len(strangers), EXAMPLES))
    return _Check(matched, matched - len(times), times, examples)


def _path_leads(path: str | None, exif: Sequence[Reading], beside: Sequence[Reading]) -> bool:
    """Whether a path that tells the minute goes before what a camera's clock says."""
    others = any(one.timestamp is not None for one in (*exif, *beside))
    return others and path is not None and any(part in path for part in _FINE)


# --- what is told beside them ------------------------------------------------------------------


def split_sidecars(
    files: Sequence[StoredFile],
) -> tuple[str | None, Sequence[StoredFile], int]:
    """The template of sidecars, the files without them, and how many sidecars there are.

    JSON files are sidecars where they stand beside at least half of the others.
    """
    paths = {file.path for file in files}
    others = [file for file in files if not file.path.endswith(".json")]
    for template in _SIDECARS:
        beside = {found for file in others if (found := beside_of(file.path, template)) in paths}
        if others and 2 * len(beside) >= len(others):
            return template, [file for file in files if file.path not in beside], len(beside)
    return None, files, 0


def beside_of(path: str, template: str) -> str:
    """The path of a file's sidecar."""
    parts = parts_of(path)
    name = template.format(stem=parts["stem"], name=parts["name"])
    return f"{parts['folder']}/{name}" if parts["folder"] else name


def _told_by(
    place: ChannelFiles,
    readers: Mapping[str, MetadataReader],
    source: str,
    sample: Sequence[StoredFile],
    sidecar: str | None,
) -> list[Reading]:
    """What a source tells of a few files; what it cannot read tells nothing here."""
    if source == "sidecar" and sidecar is None:
        return []
    if source == "exif":
        sample = [one for one in sample if parts_of(one.path)["ext"].lower() in _IMAGES]
    told = []
    for file in sample:
        head = _head(place, file.path, readers[source].head_bytes)
        data = _head(place, beside_of(file.path, sidecar), 1 << 20) if sidecar else None
        try:
            told.append(readers[source].read(file, head or b"", data))
        except InvalidInput:
            told.append(Reading())  # indexing names it
    return told


def _head(place: ChannelFiles, path: str, count: int) -> bytes | None:
    head = b""
    try:
        for piece in place.stream(path) if count else ():
            head += piece
            if len(head) >= count:
                break
    except NotFound:
        return None
    return head[:count]


def _time_from(
    order: Sequence[str], told: _Check, exif: Sequence[Reading], beside: Sequence[Reading]
) -> str | None:
    """The first source in the pattern's order that tells the time of half of the files or more."""
    dated = {
        "path": (len(told.times), told.matched),
        "sidecar": (sum(one.timestamp is not None for one in beside), len(beside)),
        "exif": (sum(one.timestamp is not None for one in exif), len(exif)),
    }
    half = [name for name in order if name in dated and 2 * dated[name][0] >= dated[name][1] > 0]
    some = [name for name in order if name in dated and dated[name][0]]
    return next(iter((*half, *some)), None)


def _spread(count: int, most: int) -> list[int]:
    """At most so many places, evenly over all."""
    if count <= most:
        return list(range(count))
    return [at * (count - 1) // (most - 1) for at in range(most)]
