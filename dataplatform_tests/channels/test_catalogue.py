"""The channels of a spec repository: names, versions, and what files say together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dataplatform.channels.catalogue import TAXONOMY, Channels, read_channels
from dataplatform.errors import InvalidDefinition
from opendata.wire.errors import NotFound
from opendata.wire.version import Version


class Files:
    """A repository of one commit; `read_paths` tells what was read."""

    def __init__(self, **files: str) -> None:
        self.files = {name: text.encode() for name, text in files.items()}
        self.read_paths: list[str] = []

    def read(self, path: str, commit: str) -> bytes:
        """A file."""
        self.read_paths.append(path)
        if path not in self.files:
            raise NotFound(f"there is no {path}")
        return self.files[path]

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        """The files below a prefix."""
        return sorted(path for path in self.files if path.startswith(prefix))


def spec(channel: str, version: str, more: str = "") -> tuple[str, str]:
    """A spec's path and text."""
    text = f"channel: {channel}\nversion: {version}\nstorage_path: lake/{channel}\n{more}"
    return f"channels/{channel}/spec-{version}.yaml", text


def channels(*specs: tuple[str, str], taxonomy: str = "") -> tuple[Channels, Files]:
    """The channels of such files."""
    files = Files(**dict(specs), **({TAXONOMY: taxonomy} if taxonomy else {}))
    return read_channels(files, "c0ffee"), files


def test_names_and_versions_are_known_without_reading_a_spec() -> None:
    found, files = channels(
        spec("lidar", "1.0.0"),
        spec("lidar", "1.10.0"),
        spec("lidar", "1.9.0"),
        spec("image", "2.0.0"),
    )
    assert found.names() == ["image", "lidar"]
    assert found.versions("lidar") == [Version(1, 0, 0), Version(1, 9, 0), Version(1, 10, 0)]
    assert files.read_paths == []
    assert found.spec("lidar", Version(1, 9, 0)).storage_path == "lake/lidar"
    assert files.read_paths == ["channels/lidar/spec-1.9.0.yaml"]
    assert found.problems == []


@pytest.mark.requirement("B19")
def test_another_name_means_its_channel() -> None:
    found, _ = channels(
        spec("object_array_fusion_infer", "1.2.0"),
        spec("lidar", "1.0.0", "aliases: [points]\n"),
        taxonomy="aliases: {object_array: object_array_fusion_infer}\n"
        "deprecated: {objects: object_array, lidar_old: {replaced_by: lidar, reason: noise}}\n",
    )
    assert found.canonical("object_array") == "object_array_fusion_infer"
    assert found.canonical("objects") == "object_array_fusion_infer"
    assert found.canonical("points") == "lidar"
    assert found.canonical("lidar_old") == found.canonical("lidar") == "lidar"
    assert found.canonical("nothing") == "nothing"
    assert found.canonical("getopendata/world-airports") == "getopendata/world-airports"
    assert found.versions("object_array") == [Version(1, 2, 0)]
    deprecated = found.deprecation("lidar_old")
    assert deprecated is not None
    assert deprecated.reason == "noise"
    assert found.problems == []


def test_what_does_not_exist_is_told_with_what_does() -> None:
    found, _ = channels(spec("lidar", "1.0.0"))
    with pytest.raises(NotFound) as caught:
        found.spec("lidr", Version(1, 0, 0))
    assert (caught.value.code, caught.value.hint) == ("unknown_channel", "did you mean 'lidar'?")
    with pytest.raises(NotFound) as caught:
        found.spec("lidar", Version(2, 0, 0))
    assert (caught.value.code, caught.value.hint) == ("unknown_channel_version", "there are 1.0.0")
    assert found.versions("lidr") == []


def test_a_broken_spec_hurts_nobody_else() -> None:
    found, _ = channels(spec("lidar", "1.0.0", "engin: x\n"), spec("image", "1.0.0"))
    assert found.spec("image", Version(1, 0, 0)).channel == "image"
    assert found.canonical("points") == "points"
    with pytest.raises(InvalidDefinition):
        found.spec("lidar", Version(1, 0, 0))
    assert [str(one)[:36] for one in found.problems] == ["channels/lidar/spec-1.0.0.yaml:4:1: "]


@pytest.mark.parametrize(
    ("taxonomy", "place", "message"),
    [
        ("aliases: {lidar: image}\n", "1:11", "is a channel"),
        ("aliases: {a: lost}\n", "1:11", "has no spec"),
        ("aliases:\n  a: b\n  b: a\n", "2:3", "stands for itself"),
        ("aliases: {a: lidar}\ndeprecated: {a: image}\n", "1:11", "aliases and the deprecated"),
        ("aliases: {points: image}\n", "", "is also one of 'image'"),
        ("aliases: {a: [b]}\n", "1:14", "text is expected here"),
    ],
)
def test_names_that_mean_two_things_or_nothing_are_found(
    taxonomy: str, place: str, message: str
) -> None:
    found, _ = channels(
        spec("lidar", "1.0.0", "aliases: [points]\n"), spec("image", "1.0.0"), taxonomy=taxonomy
    )
    told = [str(one) for one in found.problems]
    assert any(message in one and f":{place}" in one for one in told), told


def test_files_that_are_no_specs_are_told() -> None:
    found, _ = channels(
        spec("lidar", "1.0.0"),
        ("channels/lidar/spec-v1.0.0.yaml", spec("lidar", "1.0.0")[1]),
        ("channels/lidar/notes.yaml", "a: 1\n"),
        ("channels/Bad/spec-1.0.0.yaml", "a: 1\n"),
        ("channels/lidar/spec-1.x.yaml", "a: 1\n"),
        ("channels/lidar/README.md", "about\n"),
    )
    assert found.names() == ["lidar"]
    assert [one.path for one in found.problems] == [
        "channels/Bad/spec-1.0.0.yaml",
        "channels/lidar/notes.yaml",
        "channels/lidar/spec-1.x.yaml",
        "channels/lidar/spec-v1.0.0.yaml",
    ]


def test_an_alias_of_two_channels_is_told() -> None:
    found, _ = channels(
        spec("a", "1.0.0", "aliases: [x]\n"),
        spec("b", "1.0.0", "aliases: [x]\n"),
        spec("c", "1.0.0", "aliases: [a]\n"),
    )
    told = "\n".join(str(one) for one in found.problems)
    assert "the alias 'x' is also one of 'a'" in told
    assert "the alias 'a' is a channel of its own" in told
