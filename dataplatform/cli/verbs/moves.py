"""Moves: making another release the current one (S4-55)."""

from __future__ import annotations

from typing import Any

from dataplatform.cli.moving import move
from dataplatform.cli.place import find_settings
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version


def rollback(dataset: str, to: str) -> dict[str, Any]:
    """Make an earlier release the current one again; nothing is deleted.

    Returns:
        `{"id", "before", "release", "generation", "moved", "by"}`.

    Raises:
        NotFound, Rejected: if data set or release do not exist, or its objects are gone.
        Conflict: if somebody published meanwhile.
    """
    ports = from_settings(find_settings()).ports
    return move(ports, parse_dataset_id(dataset), parse_version(to)).to_json()
