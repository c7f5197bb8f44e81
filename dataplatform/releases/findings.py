"""Findings of a look over a store: values, never exceptions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `repairable` is False for what is only reported."""

    dataset: str
    object: str
    problem: str
    repairable: bool

    def to_json(self) -> dict[str, Any]:
        """The finding by name."""
        return asdict(self)
