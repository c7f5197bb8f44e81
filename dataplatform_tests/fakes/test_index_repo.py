"""The fake of the index repository answers as git does."""

from __future__ import annotations

import pytest

from dataplatform_tests.adapters.git.index_conformance import IndexRepoConformance
from dataplatform_tests.fakes.index_repo import FakeIndexRepo


class TestFakeIndexRepo(IndexRepoConformance):
    @pytest.fixture
    def repo(self) -> FakeIndexRepo:
        return FakeIndexRepo()
