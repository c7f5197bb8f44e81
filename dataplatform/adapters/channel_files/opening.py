"""From a channel's `storage_path` to the place of its files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dataplatform.adapters.channel_files.allowed import check_bucket, check_folder
from dataplatform.channels.ports import ChannelFiles
from opendata.wire.errors import InvalidInput


def open_channel_files(
    storage_path: str, environ: Mapping[str, str], *, root: str, own: str | None = None
) -> ChannelFiles:
    """The place of a `storage_path`: a folder (relative to `root`) or `s3://bucket/prefix`.

    Nothing is asked of it yet.

    Args:
        own: The platform's own store, in which data sets have their files; it may always be read.

    Raises:
        InvalidInput: for an address that is none.
        Denied: for S3 without any credentials, or a place that the settings do not allow.
    """
    is_own = own is not None and storage_path == own
    scheme, separator, rest = storage_path.partition("://")
    if separator and scheme.lower() == "s3":
        from dataplatform.adapters.channel_files.bucket import BucketFiles

        if not is_own:
            check_bucket(storage_path, environ)
        return BucketFiles(storage_path, environ)
    if not separator or (scheme.lower() == "file" and rest.startswith("/")):
        from dataplatform.adapters.channel_files.folder import FolderFiles

        folder = _absolute(rest if separator else storage_path, environ, root)
        if not is_own:
            check_folder(folder, environ, root)
        return FolderFiles(folder)
    raise InvalidInput(
        f"{storage_path!r} is no place of files",
        code="invalid_storage_path",
        hint="write a folder, or s3://bucket/prefix",
    )


def _absolute(path: str, environ: Mapping[str, str], root: str) -> str:
    if path == "~" or path.startswith("~/"):
        path = environ.get("HOME", "~") + path[1:]
    return os.path.normpath(os.path.join(root, path))
