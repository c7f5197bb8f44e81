"""Fixtures of channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.channels.lake import HOUR, Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A channel of three files."""
    made = Lake(tmp_path)
    for at in (3, 1, 2):
        made.place.put(f"{HOUR}/img_{at:03d}.jpg", b"image %d" % at)
    return made
