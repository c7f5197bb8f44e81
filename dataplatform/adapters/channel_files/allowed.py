"""Where channels may keep their files, if whoever runs the platform says so.

A spec comes out of a repository that many may write to, and says where its files lie. The platform
reads that place with rights of its own, shows what it finds in indexes, and signs addresses of
files in it. So `OPENDATA_FILE_PLACES` can name the folders and buckets that specs may name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from opendata.wire.errors import Denied, InvalidInput

VARIABLE: Final = "OPENDATA_FILE_PLACES"
_S3: Final = "s3://"


def check_folder(folder: str, environ: Mapping[str, str], root: str) -> None:
    """The folder, wherever links on the way to it lead, lies in one that is named, or none is.

    Args:
        root: What relative folders of the setting are relative to.

    Raises:
        Denied: code `place_not_allowed`.
        InvalidInput: if the setting is none.
    """
    named = _places(environ)
    if named is None:
        return
    place = os.path.realpath(folder)
    for one in named:
        if not one.startswith(_S3):
            allowed = os.path.realpath(os.path.join(root, os.path.expanduser(one)))
            if os.path.commonpath((allowed, place)) == allowed:
                return
    raise _refused(folder, named)


def check_bucket(url: str, environ: Mapping[str, str]) -> None:
    """The same for `s3://bucket/prefix`: it is one that is named, or lies below.

    Raises:
        Denied, InvalidInput: as :func:`check_folder`.
    """
    named = _places(environ)
    if named is None:
        return
    place = _S3 + url[len(_S3) :].rstrip("/") + "/"
    plain = not {"", ".", ".."} & set(place[len(_S3) : -1].split("/"))
    if plain and any(place.startswith(one.rstrip("/") + "/") for one in named):
        return
    raise _refused(url, named)


def _places(environ: Mapping[str, str]) -> list[str] | None:
    text = environ.get(VARIABLE)
    if not text:
        return None
    named = [one.strip() for one in text.split(",")]
    for one in named:
        scheme, separator, rest = one.partition("://")
        if not one or (separator and (scheme != "s3" or not rest)):
            raise InvalidInput(
                f"{VARIABLE} holds {one!r}, which is no place",
                hint="write folders and s3://bucket/prefix, with commas between them",
            )
    return named


def _refused(place: str, named: list[str]) -> Denied:
    return Denied(
        f"no channel may keep its files at {place}",
        code="place_not_allowed",
        hint=f"{VARIABLE} names where they may: {', '.join(named)}",
    )
