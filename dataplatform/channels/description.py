"""The description of a channel's index for people: `index.yaml` beside it (S0-42…S0-50).

Here belongs its text, in the document's shape. It is derived from the pointer alone and read by
nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from opendata.wire.channel import INDEX_COLUMNS, ChannelIndex

_SCHEMA: Final = (
    ("file_id", "string", "unique in the channel, the same whenever it is indexed again"),
    ("relative_path", "string", "below storage_path"),
    ("timestamp", "timestamp", "when the data is of, in UTC"),
    ("size_bytes", "int64", "size in bytes"),
    ("checksum", "string", "sha256 of the bytes"),
    ("metadata", "json", "what else is known, one JSON object as text"),
)


def index_description(index: ChannelIndex) -> str:
    """The description as YAML."""
    meta: dict[str, Any] = {
        "channel": index.channel,
        "version": index.version,
        "total_files": index.total_files,
        "total_bytes": index.total_bytes,
        "undated_files": index.undated,
        "start_time": index.start_time,
        "end_time": index.end_time,
        "storage_path": index.storage_path,
        "index": index.index,
        "index_bytes": index.index_bytes,
        "checksum": f"sha256:{index.index_sha256}",
        "generation": index.generation,
        "indexed_at": index.indexed_at,
        "engine": index.engine,
        "release": index.release,
        "spec": _spec(index),
    }
    lines = ["meta:"]
    lines += [f"  {key}: {_text(value)}" for key, value in meta.items() if value is not None]
    lines.append("  index_schema:")
    lines += [f"    - {f'{name}: {kind}':<25}# {what}" for name, kind, what in _SCHEMA]
    lines += ["", "sample_records:" if index.samples else "sample_records: []"]
    for sample in index.samples:
        lines += _record(sample)
    return "\n".join(lines) + "\n"


def _spec(index: ChannelIndex) -> Mapping[str, Any] | None:
    told = {"file": index.spec_file, "commit": index.spec_commit, "sha256": index.spec_sha256}
    return {key: value for key, value in told.items() if value is not None} or None


def _record(sample: Mapping[str, Any]) -> list[str]:
    # Stored documents have their keys in order of the alphabet; people read them in the schema's.
    lines = [f"    {name}: {_text(sample.get(name))}" for name in INDEX_COLUMNS]
    lines[0] = lines[0].replace("    ", "  - ", 1)
    return lines


def _text(value: Any) -> str:
    # JSON is YAML; escaped, no character of it can mean something else there.
    return json.dumps(value)
