"""The fake of the spec repository answers as git does."""

from __future__ import annotations

import pytest

from dataplatform_tests.adapters.git.conformance import SpecRepoConformance, World
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo


class TestFakeSpecRepo(SpecRepoConformance):
    @pytest.fixture
    def world(self) -> World:
        repo = FakeSpecRepo()
        return World(repo, repo)
