"""Channel specs and the taxonomy as text: what they say, and where they are wrong."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from dataplatform.channels.parse import parse_channel_spec, parse_taxonomy
from dataplatform.errors import InvalidDefinition
from opendata.wire.version import Version

PATH = "channels/image_original/spec-1.2.0.yaml"
SPEC = """\
channel: image_original
version: "1.2.0"
storage_path: s3://data-lake/image_original/v1.2.0/
description: What the front cameras see.
pattern:
  path: "{year}/{month}/{day}/{hour}/{camera_id}_{sequence:d}.jpg"
  file_id: "img_%Y%m%d_%H%M%S_{sequence}"
  sidecar: "{stem}.json"
  exif: true
  timezone: Europe/Berlin
aliases: [images]
expected: {every: 1h, count: 60}
mirrors: [/mnt/copy]
engine: local
on_unread: leave_out
schema: {weather: string}
"""


def problems(text: str, path: str = PATH) -> list[str]:
    """What is wrong, with places."""
    with pytest.raises(InvalidDefinition) as caught:
        parse_channel_spec(text, path)
    return [str(one) for one in caught.value.findings]


@pytest.mark.requirement("S0-30")
def test_a_spec_says_all_there_is_to_a_channel() -> None:
    spec = parse_channel_spec(SPEC, PATH)
    assert (spec.channel, spec.version) == ("image_original", Version(1, 2, 0))
    assert spec.expected is not None
    assert (spec.expected.every, spec.expected.count) == (timedelta(hours=1), 60)
    assert spec.pattern.sidecar == "{stem}.json"
    assert spec.data_schema == {"weather": "string"}
    assert spec.aliases == ("images",)


def test_a_spec_may_be_three_lines_and_a_pattern_a_text() -> None:
    spec = parse_channel_spec(
        "channel: c\nversion: 1.0.0\nstorage_path: lake\npattern: '%Y/*'\n", "spec.yaml"
    )
    assert spec.pattern.path == "%Y/*"
    again = type(spec).model_validate(spec.model_dump(mode="json", by_alias=True))
    assert again == spec


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("channel: image_original", "chanel: image_original", "1:1: unknown key `chanel`"),
        ('"1.2.0"', '"1.2"', "2:10: '1.2' is no version"),
        ("image_original\nversion", "Image\nversion", "1:10: 'Image' is no channel"),
        ("{camera_id}_{sequence:d}", "{camera_id}{sequence}", "6:49: nothing tells where"),
        ("_%H%M%S_", "_%H%Q_", "7:26: %Q is no directive"),
        ('"{stem}.json"', '"*.json"', "8:13: a template holds no *"),
        ("exif: true", "exif: yes please", "9:9: "),
        ("Europe/Berlin", "Berlin", "10:13: 'Berlin' is no time zone"),
        ("[images]", "[image_original]", "11:11: a channel is no alias of itself"),
        ("every: 1h", "every: 1 month", "12:19: '1 month' is no duration"),
        ("engine: local", "engine: dask", "14:9: 'dask' is not among"),
        ("on_unread: leave_out", "on_unread: skip", "15:12: 'skip' is not among"),
        ("storage_path: s3", "storage_pth: s3", "unknown key `storage_pth`"),
        ("channel: image_original\n", "channel: other\n", "1:10: the channel is 'other'"),
        ('version: "1.2.0"', 'version: "1.3.0"', "2:10: the version is '1.3.0'"),
        ("aliases: [images]", "aliases: images", "11:10: a list is expected here"),
        ("aliases: [images]", "aliases: [", ""),
    ],
)  # fmt: skip
def test_mistakes_are_told_where_they_are(old: str, new: str, place: str) -> None:
    assert old in SPEC
    told = problems(SPEC.replace(old, new))
    assert any(f"{PATH}:" in one and place in one for one in told), told


def test_several_mistakes_are_told_at_once() -> None:
    text = SPEC.replace("exif: true", "exf: true").replace("engine: local", "engine: dask")
    assert len(problems(text)) == 2


def test_a_file_that_is_no_mapping_is_told() -> None:
    assert problems("- a\n- b\n") == [f"{PATH}:1:1: the file has to be a mapping (key: value)"]


@pytest.mark.requirement("B19")
def test_a_taxonomy_names_aliases_and_what_replaces_old_names() -> None:
    taxonomy = parse_taxonomy(
        "aliases: {object_array: object_array_fusion_infer}\n"
        "deprecated:\n"
        "  image_raw: image_original\n"
        "  lidar_v0: {replaced_by: lidar, since: 2025-06-01, reason: noise}\n"
        "  gone: {reason: no replacement}\n",
        "taxonomy/channel_taxonomy.yaml",
    )
    assert taxonomy.next_name("object_array") == "object_array_fusion_infer"
    assert taxonomy.next_name("image_raw") == "image_original"
    assert taxonomy.deprecated["lidar_v0"].since == date(2025, 6, 1)
    assert taxonomy.next_name("gone") is None
    assert parse_taxonomy("", "t").aliases == {}


def test_mistakes_of_a_taxonomy_have_places() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_taxonomy("aliases: {Bad: lidar}\ndeprecatd: {}\n", "t.yaml")
    assert [str(one)[:11] for one in caught.value.findings] == ["t.yaml:1:16", "t.yaml:2:1:"]
