"""Fixtures of channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.channels.lake import HOUR, Lake


@pytest.fixture(params=["held", "spilled"])
def way(request: pytest.FixtureRequest) -> str:
    """How a channel is compared: in memory, or on disk as one of millions of files."""
    return str(request.param)


@pytest.fixture
def lake(tmp_path: Path, way: str) -> Lake:
    """A channel of three files."""
    made = Lake(tmp_path, is_spilled=way == "spilled")
    for at in (3, 1, 2):
        made.place.put(f"{HOUR}/img_{at:03d}.jpg", b"image %d" % at)
    return made
