"""Moves and marks: another release becomes the current one, one is withdrawn (S4-55)."""

from __future__ import annotations

from typing import Any

from dataplatform.cli.acting import by_whom, require_pinned
from dataplatform.cli.place import find_settings
from dataplatform.releases.rollback import roll_back
from dataplatform.releases.yank import yank as withdraw
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version


def rollback(dataset: str, to: str, reason: str | None = None) -> dict[str, Any]:
    """Make an earlier release the current one again; nothing is deleted.

    What was published after it is withdrawn: it can still be read by its number, with a warning.

    Returns:
        `{"id", "before", "release", "generation", "moved", "by", "reason", "yanked", "used_by",
        "unread"}`; `used_by` are those who are known to have read what is withdrawn.

    Raises:
        NotFound, Rejected: if data set or release do not exist, or its objects are gone.
        Conflict: if somebody published meanwhile.
    """
    ports, target = from_settings(find_settings()).ports, parse_version(to)
    by = by_whom("od rollback")
    return roll_back(ports, parse_dataset_id(dataset), target, by=by, reason=reason).to_json()


def yank(reference: str, reason: str | None = None, *, undo: bool = False) -> bool:
    """Withdraw a release that is not current, or take that back; False if it is so already.

    Args:
        reference: `ns/name@1.2.0`.

    Raises:
        NotFound: if it does not exist.
        Rejected: if it is the current release, or was never published.
    """
    dataset, version = require_pinned(reference, "od yank")
    ports = from_settings(find_settings()).ports
    return withdraw(ports, dataset, version, by=by_whom("od yank"), reason=reason, lift=undo)
