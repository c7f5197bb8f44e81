"""Whoever runs the platform says where channels may keep their files; specs only choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.adapters.channel_files.opening import open_channel_files
from opendata.wire.errors import Denied, InvalidInput

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1"}


def environ(places: str) -> dict[str, str]:
    return {"OPENDATA_FILE_PLACES": places, **KEYS}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("lake/images", "lakeside", "secrets"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lake" / "out").symlink_to(tmp_path / "secrets")
    return tmp_path


@pytest.mark.parametrize(
    "place", ["lake", "lake/images/", "./lake/../lake/images", "file://{root}/lake", "{root}/lake"]
)
def test_a_folder_in_one_that_is_named_is_opened(root: Path, place: str) -> None:
    for named in (f"{root}/lake", "lake", "s3://x, lake/"):
        opened = open_channel_files(place.format(root=root), environ(named), root=str(root))
        assert opened.url.startswith(f"{root}/lake/")


@pytest.mark.parametrize(
    "place",
    ["lakeside", "secrets", "lake/../secrets", "lake/out", "..", "/", "~", "/etc", "file:///etc",
     "s3://lake/images", "S3://lake"],
)  # fmt: skip
def test_no_other_place_is(root: Path, place: str) -> None:
    with pytest.raises(Denied) as refused:
        open_channel_files(place, environ("lake"), root=str(root))
    assert refused.value.code == "place_not_allowed"
    assert refused.value.hint == "OPENDATA_FILE_PLACES names where they may: lake"


def test_buckets_are_named_with_their_prefixes(root: Path) -> None:
    named = environ("s3://lake/raw/, s3://other")
    for place in ("s3://lake/raw", "s3://lake/raw/images/", "s3://other", "s3://other/a"):
        assert open_channel_files(place, named, root=str(root)).url.startswith(place.rstrip("/"))
    for place in ("s3://lake", "s3://lake/rawer", "s3://lake/raw/../keys", "s3://lake/raw//../x",
                  "s3://others/a", "lake"):  # fmt: skip
        with pytest.raises(Denied):
            open_channel_files(place, named, root=str(root))


def test_the_platforms_own_store_is_always_read(root: Path) -> None:
    own = f"{root}/secrets"
    assert open_channel_files(own, environ("lake"), root=str(root), own=own).url == f"{own}/"
    with pytest.raises(Denied):
        open_channel_files(f"{own}/below", environ("lake"), root=str(root), own=own)


def test_without_the_setting_any_place_is_opened(root: Path) -> None:
    assert open_channel_files("secrets", KEYS, root=str(root)).url == f"{root}/secrets/"


@pytest.mark.parametrize("places", ["lake,,x", "https://lake", "s3://", " "])
def test_a_setting_that_is_none_opens_nothing(root: Path, places: str) -> None:
    with pytest.raises(InvalidInput, match="OPENDATA_FILE_PLACES"):
        open_channel_files("lake", environ(places), root=str(root))
