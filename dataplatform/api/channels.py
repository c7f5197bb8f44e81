"""Channels: which were indexed, and what the current index of a version is.

A token that opens some bundles only does not open these: they tell of all files of a channel.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from dataplatform.api.asking import CACHED
from dataplatform.api.endpoint import JSON, Call, Endpoint, Parameters, Reply, Response, json_reply
from dataplatform.api.library import Library
from opendata.reading.file_index.channels import read_channel_pointer_with_token
from opendata.reading.suggest import did_you_mean
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.channel import ChannelIndex, check_channel_name
from opendata.wire.digest import json_digest
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.version import parse_version

_POINTER = "/latest.json"


class IndexedVersions(msgspec.Struct, frozen=True):
    """A channel, and its versions that were indexed, oldest first."""

    channel: str
    versions: list[str]


class ChannelList(msgspec.Struct, frozen=True):
    """Every channel that was indexed, by name."""

    channels: list[IndexedVersions]


class OfChannel(Parameters, frozen=True, kw_only=True):
    """Which version of which channel."""

    channel: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=200,
            description="The channel's name. A data set stands as a channel by its id `ns/name`; "
            "the slash may be sent as it is or as `%2F`.",
        ),
    ]
    version: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=40,
            description="Its version.",
            extra_json_schema={"pattern": r"^\d+\.\d+\.\d+$"},
        ),
    ]


def indexed_channels(reader: ObjectReader) -> dict[str, list[str]]:
    """The channels that were indexed, with their versions in order.

    Raises:
        InvalidInput: if the store cannot be listed.
        Denied, Unavailable: as the store answers.
    """
    if not isinstance(reader, ObjectStore):
        raise InvalidInput(f"{reader.url} cannot be listed", code="not_listable")
    found: dict[str, list[str]] = {}
    for stat in reader.list(keys.CHANNELS):
        path = stat.key.removeprefix(keys.CHANNELS)
        if path.endswith(_POINTER):
            channel, _, version = path.removesuffix(_POINTER).rpartition("/v")
            found.setdefault(channel, []).append(version)
    return {name: sorted(found[name], key=parse_version) for name in sorted(found)}


def list_channels(library: Library, call: Call) -> Reply:
    """Every channel that was indexed."""
    call.grant.require_whole("channels")
    found = indexed_channels(library.reader)
    told = ChannelList([IndexedVersions(name, versions) for name, versions in found.items()])
    return json_reply(told, **{"cache-control": "no-store"})


def show_channel(library: Library, call: Call) -> Reply:
    """The current index of a channel's version."""
    asked: OfChannel = call.parameters
    call.grant.require_whole("channels")
    channel, version = check_channel_name(asked.channel), parse_version(asked.version)
    found = read_channel_pointer_with_token(library.reader, channel, version)
    if found is None:
        raise _unknown(library.reader, channel, str(version))
    told = found[0].to_json()
    etag = f'"{json_digest(told)[:32]}"'
    headers = {"content-type": JSON, "etag": etag, "cache-control": CACHED}
    if etag in call.header("if-none-match"):
        return Reply(b"", 304, headers)
    return Reply(msgspec.json.encode(told), headers=headers)


def _unknown(reader: ObjectReader, channel: str, version: str) -> NotFound:
    known = indexed_channels(reader) if isinstance(reader, ObjectStore) else {}
    if channel in known:
        return NotFound(
            f"the channel {channel} has no version {version} that was indexed",
            code="unknown_version",
            hint=f"it has {', '.join(known[channel])}",
            details={"versions": known[channel]},
        )
    return NotFound(
        f"there is no channel {channel!r}",
        code="unknown_channel",
        hint=did_you_mean(channel, known) or "GET /api/v1/channels lists them",
    )


def channel_endpoints(library: Library) -> list[Endpoint]:
    """The endpoints of channels."""
    return [
        Endpoint(
            "GET",
            "/api/v1/channels",
            "list_channels",
            "List the channels that were indexed",
            partial(list_channels, library),
            {200: Response("Every channel with its versions.", ChannelList)},
            failures=(404,),
            tag="channels",
        ),
        Endpoint(
            "GET",
            "/api/v1/channels/{channel}/v{version}",
            "show_channel",
            "Show a channel's current index",
            partial(show_channel, library),
            {
                200: Response("What the version is indexed as now.", ChannelIndex),
                304: Response("What `If-None-Match` names is still it.", types=()),
            },
            OfChannel,
            failures=(404, 422),
            wide=frozenset({"channel"}),
            tag="channels",
        ),
    ]
