"""The document of a bundle: a lock in the exact shape of requirements S0-16…S0-40, as YAML.

Here belongs which field stands where and how it is written. The document says what the signed lock
says and can be made again from it; nothing is read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import yaml

from dataplatform.bundles.volume import volume_text
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.times import format_instant, parse_instant

YAML: Final = "application/yaml"
AUTHENTICATION: Final = "bearer_token"
ENDPOINTS: Final[Mapping[str, str]] = {
    "list_files": "/api/v1/bundles/{bundle_name}/files",
    "download_batch": "/api/v1/bundles/{bundle_name}/download",
    "streaming": "/api/v1/bundles/{bundle_name}/stream",
}


class _Quoted(str):
    """Text that stands in double quotes, as the document writes all that is no bare name."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as the document has them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _quoted(dumper: yaml.SafeDumper, text: _Quoted) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(_Quoted, _quoted)


def render_document(lock: BundleLock, base_url: str) -> bytes:
    """The document's bytes, the same for the same lock and address."""
    blocks = (
        {"meta": _meta(lock)},
        {"data_manifest": [_entry(one) for one in lock.channels]},
        {"access_config": _access(base_url)},
    )
    return "\n".join(_dump(block) for block in blocks).encode()


def _dump(block: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        block, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, line_break="\n"
    )
    return text


def _meta(lock: BundleLock) -> dict[str, Any]:
    return {
        "bundle_name": lock.name,
        "bundle_version": _Quoted(lock.version),
        "bundle_type": lock.type,
        "spec_source": {
            "repo": _Quoted(lock.spec.repo),
            "commit": None if lock.spec.commit is None else _Quoted(lock.spec.commit),
            "file": _Quoted(lock.spec.file),
        },
        "created_at": _Quoted(whole_seconds(parse_instant(lock.created_at))),
        "data_volume": _Quoted(volume_text(lock.total_bytes)),
        "total_files": lock.total_files,
    }


def _entry(one: LockedChannel) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "version": _Quoted(one.version),
        "data_range": {
            "start_time": _instant(one.data_range.start_time),
            "end_time": _instant(one.data_range.end_time),
        },
        "storage_path": _Quoted(one.storage_path),
        "index_file": _Quoted(one.index_file),
        "file_count": one.file_count,
        "total_size": _Quoted(volume_text(one.total_bytes)),
        "checksum": _Quoted(one.checksum),
    }


def _access(base_url: str) -> dict[str, Any]:
    return {
        "base_url": _Quoted(base_url),
        "authentication": _Quoted(AUTHENTICATION),
        "endpoints": {name: _Quoted(path) for name, path in ENDPOINTS.items()},
    }


def _instant(text: str | None) -> _Quoted | None:
    return None if text is None else _Quoted(text)


def whole_seconds(at: datetime) -> str:
    """`2025-06-20T10:30:00Z`."""
    return format_instant(at.replace(microsecond=0))
