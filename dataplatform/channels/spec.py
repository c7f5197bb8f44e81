"""What a channel's spec says: `channels/<channel>/spec-<version>.yaml` of the spec repository.

Here belong its fields and what each may hold. Reading the file with places is `parse`'s; what a
pattern makes of a path is `pattern`'s.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
)

from dataplatform.contracts.duration import Duration
from opendata.wire.channel import check_channel_name
from opendata.wire.errors import InvalidInput
from opendata.wire.version import Version, parse_version

EngineName = Literal["auto", "local", "spark"]


def _read_version(value: Any) -> Version:
    try:
        return value if isinstance(value, Version) else parse_version(value)
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _read_channel(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text is expected here")
    try:
        return check_channel_name(value)
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _read_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        example = "write one such as UTC or Europe/Berlin"
        raise ValueError(f"{value!r} is no time zone: {example}") from error
    return value


def _read_pattern(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


VersionText = Annotated[Version, PlainValidator(_read_version), PlainSerializer(str)]
ChannelName = Annotated[str, PlainValidator(_read_channel)]


class Spec(BaseModel):
    """Base of what stands in a spec repository: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Pattern(Spec):
    """How a file tells its time, its metadata and its id; a bare text is the `path`.

    `path` matches the relative path: `{year}/{month}/{day}/{hour}/{camera_id}_{sequence}.jpg`,
    with `strftime` directives (`%Y/%m/%d/%H`), globs (`*`, `**`), and `{name}` for what becomes
    metadata. Without one the convention of S0-51 holds: `YYYY/MM/DD/HH/file`. `file_id` builds the
    id from the same names and `strftime` directives of the timestamp; without one it is the path's
    own. `sidecar` is the path of a JSON file beside each (`{stem}.json`); `exif` reads what images
    carry; `reader` names a function (`module:function`) of an installed package. `timestamp`
    is the order in which these are asked for the time. A time that a path tells is one of
    `timezone`. A file that does not match `path` keeps the channel from being indexed, because it
    may be one that was named wrongly; `unmatched: ignore` leaves such files out instead.
    """

    path: str | None = None
    file_id: str | None = None
    sidecar: str | None = None
    exif: bool = False
    reader: str | None = None
    timestamp: tuple[Literal["reader", "sidecar", "exif", "path"], ...] = (
        "reader", "sidecar", "exif", "path",
    )  # fmt: skip
    timezone: Annotated[str, AfterValidator(_read_zone)] = "UTC"
    unmatched: Literal["fail", "ignore"] = "fail"


class Expected(Spec):
    """What completeness is measured against: `count` files in all, or in `every` span of time."""

    count: int = Field(ge=0)
    every: Duration | None = None


class ChannelSpec(Spec):
    """One version of a channel. `mirrors` are other places that hold the same files at the same
    paths, from which damaged or lost ones are fetched again. `on_unread` says what becomes of the
    index where files cannot be read: it is not published (`fail`), or without them
    (`leave_out`)."""

    channel: ChannelName
    version: VersionText
    storage_path: str = Field(min_length=1)
    description: str = ""
    pattern: Annotated[Pattern, BeforeValidator(_read_pattern)] = Pattern()
    aliases: tuple[ChannelName, ...] = ()
    expected: Expected | None = None
    mirrors: tuple[str, ...] = ()
    engine: EngineName = "auto"
    on_unread: Literal["fail", "leave_out"] = "fail"
    data_schema: dict[str, Any] = Field(default_factory=dict, alias="schema")
